//! An engine with one provider that says what it is told to, one answer a call, and keeps what it was sent.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use steersman_core::{
    BoxFuture, Event, FinishReason, Price, Rates, Recorder, RequestId, RequestRecord, Upstream, UpstreamAnswer,
    UpstreamCall, UpstreamError, Usage,
};
use steersman_engine::{Backoff, Catalog, Engine, FormSettings, Inbound, Provider, Reply, ReplyBody, Settings};
use steersman_structured::Subset;
use steersman_wire::{Answer, AnswerOptions, Dialect, openai_chat};

/// Answers with the next text; its model names itself as it was told to.
pub(crate) struct Says {
    dialect: &'static dyn Dialect,
    pub(crate) version: Mutex<String>,
    texts: Mutex<VecDeque<String>>,
    pub(crate) sent: Mutex<Vec<Value>>,
    /// Where a streamed text is cut in two; 0: after each byte.
    cut: Mutex<Option<usize>>,
    /// How many calls are answered before one hangs; `None`: all.
    answered: Mutex<Option<usize>>,
}

impl Says {
    /// Cuts streamed texts there from now on, if that is within them.
    pub(crate) fn cut(&self, at: usize) {
        *self.cut.lock().unwrap() = Some(at);
    }

    /// Leaves all calls but the first so many without an answer.
    pub(crate) fn hang_after(&self, calls: usize) {
        *self.answered.lock().unwrap() = Some(calls);
    }

    /// The pieces in which a text is streamed: a few characters each, unless they were told otherwise.
    fn pieces(&self, text: &str) -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        let size = match *self.cut.lock().unwrap() {
            None => 3,
            Some(0) => 1,
            Some(at) if at < letters.len() => {
                return [&letters[..at], &letters[at..]].map(|part| part.iter().collect()).into();
            }
            Some(_) => letters.len().max(1),
        };
        letters.chunks(size).map(|part| part.iter().collect()).collect()
    }

    /// Under the name it was given; without one, under the name it was asked by.
    fn events(&self, text: String, asked: &str) -> Vec<Event> {
        let named = self.version.lock().unwrap().clone();
        let usage = Usage { input_tokens: Some(100), output_tokens: Some(10), ..Usage::default() };
        vec![
            Event::Start { id: "c".to_owned(), model: if named.is_empty() { asked.to_owned() } else { named } },
            Event::Text { choice: 0, text },
            Event::Finish { choice: 0, reason: FinishReason::Stop },
            Event::Usage(usage),
            Event::Done,
        ]
    }
}

impl Upstream for Says {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        let sent: Value = serde_json::from_slice(&call.body).unwrap();
        let asked = sent["model"].as_str().unwrap_or_default().to_owned();
        self.sent.lock().unwrap().push(sent);
        if self.answered.lock().unwrap().is_some_and(|calls| self.sent.lock().unwrap().len() > calls) {
            return Box::pin(std::future::pending());
        }
        let text = self.texts.lock().unwrap().pop_front().unwrap_or_default();
        let pieces: Vec<Bytes> = if call.stream {
            let mut encoder =
                self.dialect.answer_encoder(AnswerOptions { include_usage: true, ..AnswerOptions::default() });
            let mut pieces = Vec::new();
            for event in self.events(text, &asked) {
                let parts = match event {
                    Event::Text { choice, text } => {
                        self.pieces(&text).into_iter().map(|text| Event::Text { choice, text }).collect()
                    }
                    other => vec![other],
                };
                for event in parts {
                    let mut frame = Vec::new();
                    encoder.event(&event, &mut frame);
                    pieces.push(Bytes::from(frame));
                }
            }
            pieces
        } else {
            let answer = Answer::collect(&self.events(text, &asked));
            vec![Bytes::from(self.dialect.encode_answer(&answer, &AnswerOptions::default()).body)]
        };
        // As from a socket: each piece is waited for.
        let body = futures_util::stream::iter(pieces).then(|piece| async {
            tokio::task::yield_now().await;
            Ok(piece)
        });
        Box::pin(async {
            Ok(UpstreamAnswer { status: 200, content_type: None, retry_after: None, body: Box::pin(body) })
        })
    }
}

#[derive(Default)]
pub(crate) struct Records(pub(crate) Mutex<Vec<RequestRecord>>);

impl Recorder for Records {
    fn record(&self, record: RequestRecord) {
        self.0.lock().unwrap().push(record);
    }
}

pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) says: Arc<Says>,
    pub(crate) records: Arc<Records>,
}

impl House {
    /// With the model `m` behind the task `sort`.
    pub(crate) fn new(dialect: &'static dyn Dialect, subset: &'static Subset, forms: FormSettings) -> Self {
        let says = Says {
            dialect,
            version: Mutex::new("m-1".to_owned()),
            texts: Mutex::default(),
            sent: Mutex::default(),
            cut: Mutex::default(),
            answered: Mutex::default(),
        };
        let (says, records) = (Arc::new(says), Arc::new(Records::default()));
        let price = |usd| Price::from_usd_per_million(usd).unwrap();
        let (rates, cheap) = (Rates::flat(price(1.0), price(2.0)), Rates::flat(price(0.1), price(0.2)));
        let provider = Provider {
            subset,
            rates: [("m".to_owned(), rates), ("cheap".to_owned(), cheap)].into(),
            ..Provider::new("p", dialect, Arc::clone(&says) as _)
        };
        let mut catalog = Catalog::default();
        catalog.add_provider(provider, ["m".to_owned(), "cheap".to_owned()]);
        catalog.add_task("sort", vec!["m".to_owned()]);
        let second = Duration::from_secs(1);
        let settings = Settings {
            first_token: second,
            idle: second,
            total: second * 9,
            attempts: 3,
            backoff: Backoff { base: second, max: second },
        };
        let engine = Engine::new(catalog, settings, Arc::clone(&records) as _).with_forms(forms, None);
        Self { engine, says, records }
    }

    /// Asks for a value of a schema; the model says these texts, one a call.
    pub(crate) async fn ask(&self, question: &str, schema: &Value, texts: &[&str]) -> Reply {
        let format = json!({"type": "json_schema", "json_schema": {"name": "t", "schema": schema}});
        let messages = json!([{"role": "user", "content": question}]);
        self.send(json!({"model": "task/sort", "messages": messages, "response_format": format}), texts, &|_| {}).await
    }

    pub(crate) async fn send(&self, body: Value, texts: &[&str], change: &dyn Fn(&mut Inbound)) -> Reply {
        *self.says.texts.lock().unwrap() = texts.iter().map(|text| (*text).to_owned()).collect();
        self.says.sent.lock().unwrap().clear();
        let mut inbound = Inbound::new(
            RequestId::from_parts(1, [7; 10]),
            1_000_000,
            &openai_chat::OpenAiChat,
            Bytes::from(body.to_string()),
        );
        change(&mut inbound);
        self.engine.serve(inbound).await
    }

    /// What the provider was sent, call by call.
    pub(crate) fn sent(&self) -> Vec<Value> {
        self.says.sent.lock().unwrap().clone()
    }

    pub(crate) fn record(&self) -> RequestRecord {
        self.records.0.lock().unwrap().last().unwrap().clone()
    }

    /// The note of the room `structured` on the last record.
    pub(crate) fn note(&self) -> Value {
        let record = self.record();
        let note = record.notes.iter().find(|note| note.room == "structured");
        note.map_or(Value::Null, |note| serde_json::from_str(&note.content).unwrap())
    }
}

pub(crate) fn body(reply: Reply) -> Value {
    let ReplyBody::Whole(bytes) = reply.body else { panic!("it was streamed") };
    serde_json::from_slice(&bytes).unwrap()
}

pub(crate) fn content(reply: Reply) -> String {
    body(reply)["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}
