//! An MCP server and its tools.
//!
//! A connection is made when it is first needed, kept, and made again when it has ended. Of the protocol a handful of
//! methods is used; what a server says of its own tools (annotations) is read by nobody. Tools are listed again when
//! the server says that they have changed; over HTTP, where it may have no way to say so, also when the list is a
//! minute old.
//!
//! Cancellation is what this client exists for: a call whose future is dropped leaves a clean-up in its scope, which
//! tells the server and waits until the server has read that (a `ping` behind it is answered) or is killed. The scope
//! does not end before.
//!
//! What never happens here: a wait for a server that has just been waited for in vain.

mod call;
mod http;
mod message;
mod pending;
mod stdio;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use steersman_core::Secret;
use steersman_net::{BaseUrl, Client};
use steersman_scope::{Root, ToolFault};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) use call::{McpTool, named};
use http::{Address, HttpLink};
use message::RpcError;
use pending::Pending;
use stdio::{Program, StdioLink};

/// How long connecting and listing may take.
const CONNECT: Duration = Duration::from_secs(15);
/// After a failed connection the next one waits this long, or four times as long as the failure took if that is more:
/// of the time of those who need a server that hangs, a fifth is lost at most.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a list of tools over HTTP is believed. A server that changes a reviewed tool has it called under its review
/// for no longer than this.
const FRESH: Duration = Duration::from_secs(60);
/// More pages of tools than this are not read.
const MAX_PAGES: usize = 50;

/// How a server is reached.
#[derive(Debug, Clone)]
pub enum Way {
    /// A child process.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables of its environment, beside `PATH`, `HOME` and their like.
        env: Vec<(String, String)>,
    },
    /// Streamable HTTP.
    Http {
        /// The address.
        url: BaseUrl,
        /// Sent as `authorization: Bearer`.
        key: Option<Secret>,
    },
}

/// One configured server.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub way: Way,
    /// Put before the names of its tools.
    pub prefix: String,
    /// How many calls may be in flight.
    pub in_flight: usize,
}

/// Why a call gave no result.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallFault {
    /// It never reached the server.
    #[error("{0}")]
    NotSent(String),
    /// The server does not offer the tool any more as it was offered to the model.
    #[error("{0}")]
    Withdrawn(&'static str),
    /// The server is overloaded.
    #[error("the server refused for now")]
    Throttled(Option<Duration>),
    /// It may have reached it.
    #[error("{0}")]
    Lost(String),
    /// The server answered with an error.
    #[error(transparent)]
    Rpc(RpcError),
}

impl From<CallFault> for ToolFault {
    fn from(fault: CallFault) -> Self {
        match fault {
            CallFault::NotSent(why) => Self::NotSent(why),
            CallFault::Withdrawn(why) => Self::Failed(why.to_owned()),
            CallFault::Throttled(retry_after) => Self::Throttled { retry_after },
            CallFault::Lost(why) => Self::Lost(why),
            CallFault::Rpc(error) if error.is_definite() => Self::Failed(error.to_string()),
            CallFault::Rpc(error) => Self::Lost(error.to_string()),
        }
    }
}

/// A configured server.
pub struct McpServer {
    pub(crate) spec: ServerSpec,
    root: Arc<Root>,
    client: Client,
    live: Mutex<Slot>,
    /// One connects at a time.
    connecting: Semaphore,
}

#[derive(Default)]
struct Slot {
    /// The connection, and when its tools were listed.
    live: Option<(Arc<Live>, Instant)>,
    failed: Option<Failed>,
}

/// A connection that could not be made.
#[derive(Clone)]
struct Failed {
    /// When it may be tried again.
    until: Instant,
    why: String,
}

/// A connection and what was listed over it.
pub(crate) struct Live {
    link: Arc<Link>,
    /// The tools as the server lists them.
    pub(crate) tools: Vec<Value>,
}

enum Link {
    Stdio(StdioLink),
    Http(Box<HttpLink>),
}

impl Link {
    fn pending(&self) -> &Arc<Pending> {
        match self {
            Self::Stdio(link) => &link.pending,
            Self::Http(link) => &link.pending,
        }
    }

    /// Whether the tools are to be listed again, of a list of this age.
    fn is_stale(&self, age: Duration) -> bool {
        match self {
            Self::Stdio(link) => link.changed.load(Ordering::Relaxed),
            Self::Http(link) => age >= FRESH || link.changed.load(Ordering::Relaxed),
        }
    }

    /// Every tool that the server lists now.
    async fn list(&self) -> Result<Vec<Value>, CallFault> {
        // What changes while it is listed is listed once more.
        match self {
            Self::Stdio(link) => link.changed.store(false, Ordering::Relaxed),
            Self::Http(link) => link.changed.store(false, Ordering::Relaxed),
        }
        let mut tools = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let page = self.request("tools/list", &params).await?;
            tools.extend(page.get("tools").and_then(Value::as_array).cloned().unwrap_or_default());
            cursor = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(tools)
    }

    async fn tell(&self, method: &str, params: &Value) -> Result<(), CallFault> {
        let message = message::notification(method, params);
        match self {
            Self::Stdio(link) => link.send(&message).await,
            Self::Http(link) => link.tell(&message).await,
        }
    }

    /// Sends a request under an open ticket and waits for the answer.
    async fn ask(&self, ticket: pending::Ticket, method: &str, params: &Value) -> Result<Value, CallFault> {
        let message = message::request(ticket.id, method, params);
        match self {
            Self::Stdio(link) => {
                if let Err(fault) = link.send(&message).await {
                    link.pending.settle(ticket.id, Err(fault.clone()));
                    return Err(fault);
                }
                ticket.answer.await.unwrap_or_else(|_| Err(CallFault::Lost("the connection has ended".to_owned())))
            }
            Self::Http(link) => {
                let answer = link.ask(ticket.id, &message).await;
                link.pending.settle(ticket.id, answer.clone());
                answer
            }
        }
    }

    async fn request(&self, method: &str, params: &Value) -> Result<Value, CallFault> {
        let ticket = self.pending().open()?;
        self.ask(ticket, method, params).await
    }
}

impl McpServer {
    /// A server below this root. Nothing is connected yet.
    #[must_use]
    pub fn new(spec: ServerSpec, root: Arc<Root>, client: Client) -> Self {
        Self { spec, root, client, live: Mutex::default(), connecting: Semaphore::new(1) }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if it stands and its list is fresh.
    fn standing(&self) -> Option<Arc<Live>> {
        let slot = self.slot();
        let (live, listed) = slot.live.as_ref()?;
        let is_fresh = live.link.pending().ended().is_none() && !live.link.is_stale(listed.elapsed());
        is_fresh.then(|| Arc::clone(live))
    }

    /// The connection with a fresh list, made or listed now if that is needed.
    pub(crate) async fn live(&self) -> Result<Arc<Live>, String> {
        if let Some(live) = self.standing() {
            return Ok(live);
        }
        let _turn = self.connecting.acquire().await.map_err(|_| "the gateway is shutting down".to_owned())?;
        if let Some(live) = self.standing() {
            return Ok(live);
        }
        let known = {
            let slot = self.slot();
            if let Some(Failed { why, .. }) = slot.failed.as_ref().filter(|failed| Instant::now() < failed.until) {
                return Err(why.clone());
            }
            slot.live.as_ref().map(|(live, _)| Arc::clone(live))
        };
        let begun = Instant::now();
        let renewed = tokio::time::timeout(CONNECT, self.renew(known)).await;
        let renewed =
            renewed.unwrap_or_else(|_| Err(format!("no answer to `initialize` and `tools/list` within {CONNECT:?}")));
        let mut slot = self.slot();
        *slot = match &renewed {
            Ok(live) => Slot { live: Some((Arc::clone(live), Instant::now())), failed: None },
            Err(why) => {
                let until = Instant::now() + PAUSE.max(begun.elapsed() * 4);
                Slot { live: None, failed: Some(Failed { until, why: why.clone() }) }
            }
        };
        renewed
    }

    /// Lists the tools again over a connection that stands; makes a new one where there is none.
    async fn renew(&self, known: Option<Arc<Live>>) -> Result<Arc<Live>, String> {
        if let Some(known) = known.filter(|known| known.link.pending().ended().is_none())
            && let Ok(tools) = known.link.list().await
        {
            let is_same = tools == known.tools;
            return Ok(if is_same { known } else { Arc::new(Live { link: Arc::clone(&known.link), tools }) });
        }
        self.connect().await.map(Arc::new).map_err(|fault| fault.to_string())
    }

    async fn connect(&self) -> Result<Live, CallFault> {
        let link = Arc::new(match &self.spec.way {
            Way::Stdio { command, args, env } => {
                let program = Program { command: command.clone(), args: args.clone(), env: env.clone() };
                Link::Stdio(StdioLink::start(&self.root, &self.spec.name, &program))
            }
            Way::Http { url, key } => {
                let address = Address { url: url.clone(), key: key.clone(), client: self.client.clone() };
                Link::Http(Box::new(HttpLink::new(address)))
            }
        });
        link.request("initialize", &message::hello()).await?;
        link.tell("notifications/initialized", &json!({})).await?;
        let tools = link.list().await?;
        Ok(Live { link, tools })
    }
}
