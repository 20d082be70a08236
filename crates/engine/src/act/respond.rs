//! A run as an answer of the client's dialect: whole, or as a stream that lives while the run does.
//!
//! A stream begins at once. While tools run it carries comments, so that nobody between here and the client closes it,
//! and, where the client asks for them, an event for each call that starts and ends. Dropping it cancels the run.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use serde_json::Value;
use steersman_core::BoxFuture;
use steersman_wire::sse::write_comment;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::outlet::Outlet;
use super::run::{Acted, Note, Running};
use super::{CLIENTS_OWN, ToolRoom};
use crate::engine::Engine;
use crate::extension;
use crate::pipeline::refuse;
use crate::prepare::Prepared;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::{Inbound, Reply, ReplyBody};

/// How often a stream without news says that it is alive.
const ALIVE: Duration = Duration::from_secs(10);
/// Pieces that may wait for a slow client.
const QUEUE: usize = 64;

impl Engine {
    /// Answers a request of a task with tools, or of one with a reader.
    pub(crate) async fn act(
        &self,
        room: &Arc<ToolRoom>,
        inbound: Inbound,
        prepared: Prepared,
        recording: Recording,
    ) -> Reply {
        let deadline = Instant::now() + self.settings.total;
        if !prepared.stream {
            return self.act_whole(room, &inbound, &prepared, recording, deadline).await;
        }
        let headers = headers(&inbound, &prepared, false);
        let (frames, out) = mpsc::channel(QUEUE);
        let (engine, room) = (self.clone(), Arc::clone(room));
        let run: BoxFuture<'static, ()> = Box::pin(async move {
            engine.act_streamed(&room, &inbound, &prepared, recording, deadline, frames).await;
        });
        let alive = Box::pin(tokio::time::sleep(ALIVE));
        Reply { status: 200, headers, body: ReplyBody::Stream(Box::pin(Driven { run: Some(run), out, alive })) }
    }

    async fn act_whole(
        &self,
        room: &ToolRoom,
        inbound: &Inbound,
        prepared: &Prepared,
        mut recording: Recording,
        deadline: Instant,
    ) -> Reply {
        let task = self.agent(&prepared.task).unwrap_or(&CLIENTS_OWN);
        let (sends, acted) = (AtomicU64::new(0), AtomicBool::new(false));
        let running = Running { engine: self, room, task, inbound, deadline, watcher: None, sends, acted };
        let mut note = Note::default();
        let acted = running.to_answer(prepared.task.as_str(), &mut recording, &mut note, None).await;
        recording.note("tools", &note);
        match acted {
            Ok(acted) => {
                let mut headers = match &acted.target {
                    Some(target) => self.told(inbound, prepared, target, &mut recording),
                    None => headers(inbound, prepared, acted.replayed),
                };
                if let Some(report) = &acted.guard {
                    headers.push(("x-steersman-guard", report.header()));
                    recording.guarded(report);
                }
                recording.release(&acted.body, true);
                if let Some(cost) = recording.deliver() {
                    headers.push(("x-steersman-cost-usd", cost.to_string().replace('$', "")));
                }
                Reply { status: 200, headers, body: ReplyBody::Whole(acted.body) }
            }
            Err(refusal) => {
                let mut reply = refuse(inbound, &refusal, recording);
                if running.acts_twice() {
                    // The official SDKs repeat such an answer on their own, unless they are told not to.
                    reply.headers.retain(|(name, _)| *name != "retry-after");
                    reply.headers.push(("x-should-retry", "false".to_owned()));
                }
                reply
            }
        }
    }

    async fn act_streamed(
        &self,
        room: &ToolRoom,
        inbound: &Inbound,
        prepared: &Prepared,
        mut recording: Recording,
        deadline: Instant,
        frames: mpsc::Sender<Bytes>,
    ) {
        let task = self.agent(&prepared.task).unwrap_or(&CLIENTS_OWN);
        let (watcher, mut watched) = mpsc::channel::<Value>(QUEUE);
        let wanted = inbound.tool_events && extension::is_understood(prepared.dialect);
        let running = Running {
            engine: self,
            room,
            task,
            inbound,
            deadline,
            watcher: wanted.then_some(watcher),
            sends: AtomicU64::new(0),
            acted: AtomicBool::new(false),
        };
        let mut note = Note::default();
        let encoder = prepared.dialect.answer_encoder(inbound.answer_options(prepared.include_usage));
        let mut outlet = Outlet::new(encoder, frames.clone());
        let acted = {
            let run = running.to_answer(prepared.task.as_str(), &mut recording, &mut note, Some(&mut outlet));
            tokio::pin!(run);
            loop {
                tokio::select! {
                    biased;
                    Some(event) = watched.recv() => drop(frames.send(extension::chunk("tool_run", &event)).await),
                    acted = &mut run => break acted,
                }
            }
        };
        while let Ok(event) = watched.try_recv() {
            drop(frames.send(extension::chunk("tool_run", &event)).await);
        }
        recording.note("tools", &note);
        if let Some(target) = acted.as_ref().ok().and_then(|acted| acted.target.as_ref()) {
            // A stream's headers have left; the record has what they would have said.
            self.told(inbound, prepared, target, &mut recording);
        }
        drop(frames.send(closing(&mut outlet, acted, recording)).await);
    }
}

/// The last bytes of a stream, and the record closed with them: a client may leave as soon as it has read them.
fn closing(outlet: &mut Outlet, acted: Result<Acted, Refusal>, mut recording: Recording) -> Bytes {
    match acted {
        Ok(acted) => {
            if let Some(report) = &acted.guard {
                recording.guarded(report);
            }
            let bytes = outlet.close(&acted.events, acted.shown);
            recording.release(&bytes, !acted.shown);
            recording.deliver();
            bytes
        }
        Err(refusal) => {
            let bytes = outlet.break_off(&refusal);
            recording.release(&bytes, false);
            recording.fail(200, refusal.code);
            bytes
        }
    }
}

/// The headers of an answer that nobody gives now: a stream's, before its run, and a replay's.
fn headers(inbound: &Inbound, prepared: &Prepared, replayed: bool) -> Vec<(&'static str, String)> {
    let mut headers = vec![("x-request-id", inbound.id.to_string()), ("x-steersman-task", prepared.task.to_string())];
    if replayed {
        headers.push(("x-steersman-replayed", "true".to_owned()));
    }
    headers
}

/// A stream that drives the run behind it.
struct Driven {
    run: Option<BoxFuture<'static, ()>>,
    out: mpsc::Receiver<Bytes>,
    alive: Pin<Box<tokio::time::Sleep>>,
}

impl Stream for Driven {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(run) = &mut self.run
            && run.as_mut().poll(context).is_ready()
        {
            self.run = None;
        }
        match self.out.poll_recv(context) {
            Poll::Ready(Some(bytes)) => {
                self.alive.as_mut().reset(Instant::now() + ALIVE);
                return Poll::Ready(Some(bytes));
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        if self.alive.as_mut().poll(context).is_ready() {
            self.alive.as_mut().reset(Instant::now() + ALIVE);
            let mut comment = Vec::new();
            write_comment(&mut comment, "tools are running");
            return Poll::Ready(Some(Bytes::from(comment)));
        }
        Poll::Pending
    }
}
