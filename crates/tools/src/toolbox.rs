//! All tools of the gateway: every source with its listing, judged against contracts and pins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use steersman_core::{Contract, Idempotency};
use steersman_net::Client;
use steersman_scope::{Budget, Caps, Limiter, Limits, Root};

use crate::lock::Lock;
use crate::mcp::{Live, McpServer, McpTool, ServerSpec};
use crate::offer::{Offer, Standing, contract, listing_digest, spec, standing};
use crate::openapi::OpenApi;
use crate::schema::{Arguments, without_argument};

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

enum Held {
    Mcp(Arc<McpServer>, Limiter, Mutex<Known>),
    OpenApi(Arc<OpenApi>, Limiter),
}

/// Every configured source.
pub struct Toolbox {
    sources: Vec<Held>,
    contracts: Vec<Contract>,
    lock: Lock,
    root: Arc<Root>,
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
        Self { sources: sources.into_iter().map(hold).collect(), contracts, lock, root }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What every source lists, connecting where that is needed. Sources are asked at once.
    pub async fn listings(&self) -> Vec<Listing> {
        let asked = self.sources.iter().map(|source| self.listing(source));
        let mut listings = futures_util::future::join_all(asked).await;
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for listing in &mut listings {
            for offer in &mut listing.tools {
                match owners.get(&offer.spec.name) {
                    Some(by) => offer.standing = Standing::Taken { by: by.clone() },
                    None => drop(owners.insert(offer.spec.name.clone(), listing.server.clone())),
                }
            }
        }
        listings
    }

    /// The usable tools among these: names as models see them, or `SERVER/*` for all of a server.
    pub async fn offered(&self, wanted: &[String]) -> Vec<Offer> {
        let is_wanted = |offer: &Offer| {
            wanted.iter().any(|name| *name == offer.spec.name || name.strip_suffix("/*") == Some(&offer.server))
        };
        let all = self.listings().await.into_iter().flat_map(|listing| listing.tools);
        all.filter(|offer| offer.standing.is_usable() && is_wanted(offer)).collect()
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
                            let offer = |listed| self.mcp_offer(server, limiter, listed);
                            let offers: Vec<Offer> = live.tools.iter().filter_map(offer).collect();
                            known.0 = Some((live, offers.clone()));
                            offers
                        });
                        Listing { server: name, error: None, tools }
                    }
                }
            }
            Held::OpenApi(api, limiter) => {
                let tools = api.offers(&self.contracts, &self.lock, limiter);
                Listing { server: api.name.clone(), error: None, tools }
            }
        }
    }

    fn mcp_offer(&self, server: &Arc<McpServer>, limiter: &Limiter, listed: &Value) -> Option<Offer> {
        let remote = listed.get("name")?.as_str()?.to_owned();
        let name = format!("{}{remote}", server.spec.prefix);
        let (contract, has_contract) = contract(&self.contracts, &name);
        let digest = listing_digest(listed);
        let whole = listed.get("inputSchema").cloned().unwrap_or_default();
        let shown = match &contract.idempotency {
            Idempotency::Keyed { argument: Some(argument), .. } => without_argument(&whole, argument),
            _ => whole.clone(),
        };
        let tool = McpTool {
            server: Arc::clone(server),
            remote: remote.clone(),
            contract: contract.clone(),
            digest: digest.clone(),
            arguments: Arguments::of(&whole),
        };
        Some(Offer {
            server: server.spec.name.clone(),
            spec: spec(&name, listed.get("description").and_then(Value::as_str), &shown),
            standing: standing(&self.lock, &server.spec.name, &remote, &digest),
            remote,
            contract,
            has_contract,
            digest,
            tool: Arc::new(tool),
            limiter: Some(limiter.clone()),
        })
    }
}

fn limiter(in_flight: usize) -> Limiter {
    Limiter::new(Limits { in_flight, window: Duration::from_secs(1), requests: u64::MAX, tokens: u64::MAX })
}
