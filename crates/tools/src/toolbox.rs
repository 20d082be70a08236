//! All tools of the gateway: every source with its listing, judged against contracts and pins.
//!
//! A name belongs to the server that it was reviewed at, else to the first in the configuration that listed it when it
//! was last asked: a contract says something of one server's tool, and no other server gets its calls because that one
//! is away, or because another task asked for something else.
//!
//! What never happens here: a task is silently offered less than it names because a server does not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use steersman_core::{Contract, Idempotency};
use steersman_net::Client;
use steersman_scope::{Budget, Caps, Limiter, Limits, Root};

use crate::lock::Lock;
use crate::mcp::{Live, McpServer, McpTool, ServerSpec, named};
use crate::offer::{Offer, Said, Standing, listing_digest, shown_name};
use crate::openapi::OpenApi;
use crate::schema::{Arguments, has_argument};

/// How long a server may take to end when the gateway does.
const GRACE: Duration = Duration::from_secs(2);

/// Where tools come from.
pub enum Source {
    /// An MCP server.
    Mcp(ServerSpec),
    /// The operations of an OpenAPI document.
    OpenApi(Box<OpenApi>),
}

/// What one source lists now.
#[derive(Debug)]
pub struct Listing {
    /// The source's name.
    pub server: String,
    /// Why it cannot be asked, if so.
    pub error: Option<String>,
    /// Its tools, in its order.
    pub tools: Vec<Offer>,
}

/// The tools of the connection that they were listed over.
#[derive(Default)]
struct Known(Option<(Arc<Live>, Vec<Offer>)>);

/// The names of each server's tools, as models see them.
type Listed = BTreeMap<String, BTreeSet<String>>;

enum Held {
    Mcp(Arc<McpServer>, Limiter, Mutex<Known>),
    OpenApi(Arc<OpenApi>, Limiter),
}

impl Held {
    fn name(&self) -> &str {
        match self {
            Self::Mcp(server, ..) => &server.spec.name,
            Self::OpenApi(api, _) => &api.name,
        }
    }

    fn prefix(&self) -> &str {
        match self {
            Self::Mcp(server, ..) => &server.spec.prefix,
            Self::OpenApi(api, _) => api.prefix(),
        }
    }
}

/// Why tools that a task names cannot be offered now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool server `{server}` cannot be asked for `{wanted}`: {why}")]
pub struct Unreachable {
    /// The server.
    pub server: String,
    /// What the task names.
    pub wanted: String,
    /// Why it cannot be asked.
    pub why: String,
}

/// Every configured source.
pub struct Toolbox {
    sources: Vec<Held>,
    contracts: Vec<Contract>,
    lock: Lock,
    root: Arc<Root>,
    /// The server that each name was reviewed at.
    reviewed: BTreeMap<String, String>,
    /// What each server listed when it was last asked.
    listed: Mutex<Listed>,
}

impl Toolbox {
    /// A toolbox. Nothing is connected before it is needed.
    #[must_use]
    pub fn new(sources: Vec<Source>, contracts: Vec<Contract>, lock: Lock, client: &Client) -> Self {
        let root = Arc::new(Root::new("tool servers", &Budget::new("tool servers", Caps::default()), GRACE));
        let hold = |source| match source {
            Source::Mcp(spec) => {
                let limiter = limiter(spec.in_flight);
                Held::Mcp(Arc::new(McpServer::new(spec, Arc::clone(&root), client.clone())), limiter, Mutex::default())
            }
            Source::OpenApi(api) => {
                let limiter = limiter(api.in_flight);
                Held::OpenApi(Arc::new(*api), limiter)
            }
        };
        let sources: Vec<Held> = sources.into_iter().map(hold).collect();
        let mut reviewed = BTreeMap::new();
        for source in &sources {
            for remote in lock.tools(source.name()) {
                reviewed.entry(shown_name(source.prefix(), remote)).or_insert_with(|| source.name().to_owned());
            }
        }
        Self { sources, contracts, lock, root, reviewed, listed: Mutex::default() }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What every source lists, connecting where that is needed. Sources are asked at once.
    pub async fn listings(&self) -> Vec<Listing> {
        self.listings_of(None).await
    }

    /// The usable tools among these: names as models see them, or `SERVER/*` for all of a server. A server that none of
    /// them can be of is not asked.
    ///
    /// # Errors
    /// [`Unreachable`] where one of them is, or may be, of a server that does not answer.
    pub async fn offered(&self, wanted: &[String]) -> Result<Vec<Offer>, Unreachable> {
        let owners = self.owners_of(wanted);
        let mut listings = self.listings_of(owners.as_ref()).await;
        self.are_reachable(wanted, &listings)?;
        if owners.is_some() && wanted.iter().any(|name| !name.ends_with("/*") && !is_listed(name, &listings)) {
            // It may have moved to a server that it was not looked for at.
            listings = self.listings().await;
            self.are_reachable(wanted, &listings)?;
        }
        let is_wanted = |offer: &Offer| {
            wanted.iter().any(|name| *name == offer.spec.name || name.strip_suffix("/*") == Some(&offer.server))
        };
        let all = listings.into_iter().flat_map(|listing| listing.tools);
        Ok(all.filter(|offer| offer.standing.is_usable() && is_wanted(offer)).collect())
    }

    /// The servers that these tools are of; `None` where it is not known of one of them, or where one of a server may
    /// be another's that was never asked.
    fn owners_of(&self, wanted: &[String]) -> Option<BTreeSet<String>> {
        let listed = self.listed();
        let whole = |server: &str| {
            let mut before = self.sources.iter().map(Held::name).take_while(|name| *name != server);
            before.all(|name| listed.contains_key(name)).then(|| server.to_owned())
        };
        let owner = |name: &String| name.strip_suffix("/*").map_or_else(|| self.owner(&listed, name), whole);
        wanted.iter().map(owner).collect()
    }

    /// The server whose tool is known by this name, by what they have listed. `None` as long as one that was never
    /// asked may have it.
    fn owner(&self, listed: &Listed, name: &str) -> Option<String> {
        let lists = |server: &str| listed.get(server).map(|names| names.contains(name));
        let reviewed = self.reviewed.get(name).filter(|server| lists(server).unwrap_or(true));
        reviewed.cloned().or_else(|| {
            let first = self.sources.iter().map(Held::name).find(|server| lists(server) != Some(false))?;
            lists(first)?.then(|| first.to_owned())
        })
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no wanted tool is, or may be, of a server that does not answer.
    fn are_reachable(&self, wanted: &[String], listings: &[Listing]) -> Result<(), Unreachable> {
        for name in wanted.iter().filter(|name| !is_listed(name, listings)) {
            let owner = name.strip_suffix("/*").map(str::to_owned).or_else(|| self.owner(&self.listed(), name));
            for listing in listings.iter().filter(|listing| owner.as_ref().is_none_or(|owner| *owner == listing.server))
            {
                if let Some(why) = &listing.error {
                    let (server, wanted, why) = (listing.server.clone(), name.clone(), why.clone());
                    return Err(Unreachable { server, wanted, why });
                }
            }
        }
        Ok(())
    }

    /// What these servers list; all, where none is named.
    async fn listings_of(&self, servers: Option<&BTreeSet<String>>) -> Vec<Listing> {
        let is_asked = |source: &&Held| servers.is_none_or(|servers| servers.contains(source.name()));
        let asked = self.sources.iter().filter(is_asked).map(|source| self.listing(source));
        let mut listings = futures_util::future::join_all(asked).await;
        let mut listed = self.listed();
        for listing in listings.iter().filter(|listing| listing.error.is_none()) {
            let names = listing.tools.iter().map(|offer| offer.spec.name.clone()).collect();
            listed.insert(listing.server.clone(), names);
        }
        for listing in &mut listings {
            let mut seen = BTreeSet::new();
            for offer in &mut listing.tools {
                // Of several that were never asked the first that lists it has it.
                let by = self.owner(&listed, &offer.spec.name).unwrap_or_else(|| self.first(&listed, offer));
                if by != listing.server || !seen.insert(offer.spec.name.clone()) {
                    offer.standing = Standing::Taken { by };
                }
            }
        }
        listings
    }

    /// The first server of those that were asked which listed this tool's name.
    fn first(&self, listed: &Listed, offer: &Offer) -> String {
        let lists = |server: &&str| listed.get(*server).is_some_and(|names| names.contains(&offer.spec.name));
        self.sources.iter().map(Held::name).find(lists).unwrap_or(&offer.server).to_owned()
    }

    /// Ends every child process and waits for that.
    pub async fn shutdown(&self) {
        self.root.shutdown().await;
    }

    async fn listing(&self, source: &Held) -> Listing {
        match source {
            Held::Mcp(server, limiter, known) => {
                let name = server.spec.name.clone();
                match server.live().await {
                    Err(why) => Listing { server: name, error: Some(why), tools: Vec::new() },
                    Ok(live) => {
                        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                        let fresh =
                            known.0.as_ref().filter(|(of, _)| Arc::ptr_eq(of, &live)).map(|(_, offers)| offers.clone());
                        let tools = fresh.unwrap_or_else(|| {
                            let offer = |listed| self.mcp_offer(server, limiter, &live, listed);
                            let offers: Vec<Offer> = live.tools.iter().filter_map(offer).collect();
                            known.0 = Some((live, offers.clone()));
                            offers
                        });
                        Listing { server: name, error: None, tools }
                    }
                }
            }
            Held::OpenApi(api, limiter) => {
                let tools = api.offers(&self.contracts, &self.lock, limiter).to_vec();
                Listing { server: api.name.clone(), error: None, tools }
            }
        }
    }

    fn mcp_offer(&self, server: &Arc<McpServer>, limiter: &Limiter, live: &Live, listed: &Value) -> Option<Offer> {
        let whole = listed.get("inputSchema").cloned().unwrap_or_default();
        let prefix = &server.spec.prefix;
        let carries = |means: &Idempotency| match means {
            Idempotency::Keyed { argument: Some(name), .. } if !has_argument(&whole, name) => {
                Err(format!("its schema has no argument `{name}`"))
            }
            Idempotency::Keyed { header: Some(_), argument: None } => {
                Err("an MCP server is called without headers".to_owned())
            }
            Idempotency::Lookup { tool } if named(&live.tools, prefix, tool).is_none() => {
                Err(format!("its server has no tool `{tool}` to look it up with"))
            }
            Idempotency::Keyed { .. } | Idempotency::Lookup { .. } | Idempotency::Opaque => Ok(()),
        };
        let said = Said::of(prefix, listed, &self.contracts, carries)?;
        let tool = McpTool {
            server: Arc::clone(server),
            remote: said.remote.clone(),
            contract: said.contract.clone(),
            digest: listing_digest(listed),
            arguments: Arguments::of(&whole),
        };
        Some(said.offer(&server.spec.name, &self.lock, listed, Arc::new(tool), limiter))
    }
}

/// Whether a wanted tool is listed by whoever has its name, usable or not.
fn is_listed(wanted: &str, listings: &[Listing]) -> bool {
    let mut offers = listings.iter().flat_map(|listing| &listing.tools);
    offers.any(|offer| offer.spec.name == wanted && !matches!(offer.standing, Standing::Taken { .. }))
}

fn limiter(in_flight: usize) -> Limiter {
    Limiter::new(Limits { in_flight, window: Duration::from_secs(1), requests: u64::MAX, tokens: u64::MAX })
}
