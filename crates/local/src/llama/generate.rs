//! One job from prompt to answer.
//!
//! The context keeps what it has read. The next prompt is compared with it, and only what differs from the first
//! different token on is read again: a conversation that grows by a turn costs only that turn.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;
use steersman_core::FinishReason;

use crate::job::{Job, JobError, Piece, TokenLogprob};
use crate::prompt::{Prompt, Segment};
use crate::sampler::{Sampler, logprobs};
use crate::stop::{Passed, StopGate};

use super::constrain::{Compiled, Constrainer};
use super::load::{BATCH_TOKENS, EngineOptions, LoadError, LoadedModel};

/// The only sequence of the context.
const SEQUENCE: i32 = 0;

/// A context and what it has read.
pub(super) struct Generator<'m> {
    loaded: &'m LoadedModel,
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    read: Vec<LlamaToken>,
}

/// Whether to go on.
enum Wanted {
    Yes,
    /// The client has gone.
    No,
}

impl<'m> Generator<'m> {
    pub(super) fn new(loaded: &'m LoadedModel, options: &EngineOptions) -> Result<Self, LoadError> {
        let parameters = loaded.context_parameters(options);
        let context = loaded
            .model
            .new_context(&loaded.backend, parameters)
            .map_err(|source| LoadError::Context { tokens: options.context_tokens, source })?;
        let batch = LlamaBatch::new(usize::try_from(BATCH_TOKENS).unwrap_or(usize::MAX), 1);
        Ok(Self { loaded, context, batch, read: Vec::new() })
    }

    /// Runs a job, telling its pieces. Ends quietly when nobody listens any more.
    pub(super) fn run(&mut self, job: &Job, constrainer: &Constrainer) -> Result<(), JobError> {
        let prompt = self.tokenize(&job.prompt);
        let context_tokens = self.context.n_ctx();
        if prompt.is_empty() || prompt.len() >= self.context_length() {
            return Err(JobError::PromptTooLong { tokens: prompt.len(), context_tokens });
        }
        let mut compiled = job.constraint.as_ref().map(|constraint| constrainer.compile(constraint)).transpose()?;
        let cached = self.keep_common_prefix(&prompt)?;
        let unenforced = compiled.as_mut().map(|compiled| std::mem::take(&mut compiled.unenforced)).unwrap_or_default();
        tell(job, Piece::Started { input_tokens: prompt.len() as u64, cached_tokens: cached as u64, unenforced });
        let unread = prompt.get(cached..).unwrap_or_default();
        if let Wanted::No = self.read_prompt(unread, job)? {
            return Ok(());
        }
        let first = self.context.get_logits_ith(self.batch.n_tokens() - 1).to_vec();
        for choice in 0..job.choices {
            self.forget_from(prompt.len())?;
            let answer = Answer::new(job, choice, compiled.as_ref());
            if let Wanted::No = self.answer(answer, first.clone(), job)? {
                return Ok(());
            }
        }
        tell(job, Piece::Done);
        Ok(())
    }

    /// The tokens of a prompt. Literal text never becomes a control token: its first character stands apart.
    pub(super) fn tokenize(&self, prompt: &Prompt) -> Vec<LlamaToken> {
        let vocabulary = self.loaded.model.vocab();
        let mut tokens = Vec::new();
        for segment in prompt.segments() {
            match segment {
                Segment::Template(text) => tokens.extend(vocabulary.tokenize(text.as_bytes(), false, true)),
                Segment::Literal(text) => {
                    let mut rest = text.chars();
                    let first: String = rest.by_ref().take(1).collect();
                    tokens.extend(vocabulary.tokenize(first.as_bytes(), false, false));
                    tokens.extend(vocabulary.tokenize(rest.as_str().as_bytes(), false, false));
                }
            }
        }
        let bos = vocabulary.bos();
        if vocabulary.should_add_bos() && tokens.first() != Some(&bos) {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// Forgets what the prompt does not begin with; returns how many of its tokens need not be read again. The last one
    /// always is, since its logits are wanted.
    fn keep_common_prefix(&mut self, prompt: &[LlamaToken]) -> Result<usize, JobError> {
        let common = self.read.iter().zip(prompt).take_while(|(read, wanted)| read == wanted).count();
        let keep = common.min(prompt.len().saturating_sub(1));
        self.forget_from(keep)?;
        Ok(self.read.len())
    }

    /// Forgets all tokens from this position on; all of them where the model cannot forget a part.
    fn forget_from(&mut self, position: usize) -> Result<(), JobError> {
        if self.read.len() <= position {
            return Ok(());
        }
        let from = u32::try_from(position).map_err(|_| JobError::Evaluate("a position beyond 32 bits".to_owned()))?;
        if self.context.kv_cache_seq_rm(SEQUENCE, Some(from), None).is_ok() {
            self.read.truncate(position);
        } else {
            self.context.clear_kv_cache();
            self.read.clear();
        }
        Ok(())
    }

    fn read_prompt(&mut self, tokens: &[LlamaToken], job: &Job) -> Result<Wanted, JobError> {
        for chunk in tokens.chunks(usize::try_from(BATCH_TOKENS).unwrap_or(1)) {
            if job.pieces.is_closed() {
                return Ok(Wanted::No);
            }
            self.evaluate(chunk)?;
        }
        Ok(Wanted::Yes)
    }

    /// Reads tokens at the end of what was read; the logits of the last are ready afterwards.
    pub(super) fn evaluate(&mut self, tokens: &[LlamaToken]) -> Result<(), JobError> {
        self.batch.clear();
        for (at, token) in tokens.iter().enumerate() {
            let position = i32::try_from(self.read.len() + at).unwrap_or(i32::MAX);
            self.batch
                .add(*token, position, &[SEQUENCE], at + 1 == tokens.len())
                .map_err(|error| JobError::Evaluate(error.to_string()))?;
        }
        if let Err(error) = self.context.decode(&mut self.batch) {
            // What the context holds now is unknown.
            self.context.clear_kv_cache();
            self.read.clear();
            return Err(JobError::Evaluate(error.to_string()));
        }
        self.read.extend_from_slice(tokens);
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn forget_all(&mut self) {
        self.context.clear_kv_cache();
        self.read.clear();
    }

    /// Reads tokens batch by batch.
    pub(super) fn read_all(&mut self, tokens: &[LlamaToken]) -> Result<(), JobError> {
        tokens.chunks(usize::try_from(BATCH_TOKENS).unwrap_or(1)).try_for_each(|chunk| self.evaluate(chunk))
    }

    /// The likeliest token after what was read last.
    pub(super) fn greedy(&self) -> LlamaToken {
        let logits = self.context.get_logits_ith(self.batch.n_tokens() - 1);
        let best = (0..).zip(logits).reduce(|best, next| if next.1 > best.1 { next } else { best });
        LlamaToken(best.map_or(0, |(token, _)| token))
    }

    fn context_length(&self) -> usize {
        usize::try_from(self.context.n_ctx()).unwrap_or(usize::MAX)
    }

    /// Writes one answer, from the logits after the prompt on.
    fn answer(&mut self, mut answer: Answer, mut logits: Vec<f32>, job: &Job) -> Result<Wanted, JobError> {
        let reason = loop {
            if job.pieces.is_closed() {
                return Ok(Wanted::No);
            }
            let Some(token) = answer.choose(&mut logits)? else { break FinishReason::Stop };
            if self.loaded.model.vocab().is_eog(token) {
                answer.tokens += 1;
                break FinishReason::Stop;
            }
            let logprob = job.top_logprobs.map(|top| self.logprob(answer.unmasked(&logits), token, top));
            if let Ended::Yes = answer.take(&self.piece_of(token), logprob, job) {
                break FinishReason::Stop;
            }
            if answer.tokens >= u64::from(job.max_tokens) || self.read.len() + 1 >= self.context_length() {
                break FinishReason::Length;
            }
            self.evaluate(&[token])?;
            logits.clear();
            logits.extend_from_slice(self.context.get_logits_ith(0));
        };
        answer.end(reason, job);
        Ok(Wanted::Yes)
    }

    /// The text of a token as bytes; the marks of tool calls are text even where the file calls them control tokens.
    fn piece_of(&self, token: LlamaToken) -> Vec<u8> {
        let vocabulary = self.loaded.model.vocab();
        let plain = vocabulary.token_to_piece(token, false, None);
        if !plain.is_empty() {
            return plain;
        }
        let marked = vocabulary.token_to_piece(token, true, None);
        let is_tag = [crate::tools::OPEN_TAG, crate::tools::CLOSE_TAG].iter().any(|tag| tag.as_bytes() == marked);
        if is_tag { marked } else { Vec::new() }
    }

    fn logprob(&self, logits: &[f32], token: LlamaToken, top: usize) -> TokenLogprob {
        let (logprob, top) = logprobs(logits, usize::try_from(token.0).unwrap_or(usize::MAX), top);
        let bytes = |at: usize| self.piece_of(LlamaToken(i32::try_from(at).unwrap_or(-1)));
        TokenLogprob {
            bytes: self.piece_of(token),
            logprob,
            top: top.into_iter().map(|(at, logprob)| (bytes(at), logprob)).collect(),
        }
    }
}

/// Whether an answer has ended.
enum Ended {
    Yes,
    No,
}

/// One answer while it is written.
struct Answer {
    choice: u32,
    sampler: Sampler,
    gate: StopGate,
    matcher: Option<Matcher>,
    /// The logits before penalties and constraint, where log probabilities are wanted.
    unmasked: Option<Vec<f32>>,
    tokens: u64,
}

impl Answer {
    fn new(job: &Job, choice: u32, compiled: Option<&Compiled>) -> Self {
        Self {
            choice,
            sampler: Sampler::new(job.sampling, choice),
            gate: StopGate::new(&job.stop),
            matcher: compiled.map(|compiled| compiled.matcher.deep_clone()),
            unmasked: job.top_logprobs.map(|_| Vec::new()),
            tokens: 0,
        }
    }

    /// Chooses the next token; `None` when the constraint allows no more.
    fn choose(&mut self, logits: &mut [f32]) -> Result<Option<LlamaToken>, JobError> {
        if let Some(unmasked) = &mut self.unmasked {
            unmasked.clear();
            unmasked.extend_from_slice(logits);
        }
        if let Some(matcher) = &mut self.matcher {
            if matcher.is_stopped() {
                return Ok(None);
            }
            let broke = |error: &dyn std::fmt::Display| JobError::Constraint(error.to_string());
            let mask = matcher.compute_mask().map_err(|error| broke(&error))?;
            for (token, logit) in (0..).zip(logits.iter_mut()) {
                if !mask.is_allowed(token) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        let Some(chosen) = self.sampler.choose(logits) else { return Ok(None) };
        let token = LlamaToken(i32::try_from(chosen).unwrap_or(-1));
        if let Some(matcher) = &mut self.matcher {
            let consumed = matcher.consume_token(u32::try_from(chosen).unwrap_or(u32::MAX));
            consumed.map_err(|error| JobError::Constraint(error.to_string()))?;
        }
        Ok(Some(token))
    }

    fn unmasked<'l>(&'l self, logits: &'l [f32]) -> &'l [f32] {
        self.unmasked.as_deref().unwrap_or(logits)
    }

    /// Takes a chosen token into the answer.
    fn take(&mut self, bytes: &[u8], logprob: Option<TokenLogprob>, job: &Job) -> Ended {
        self.tokens += 1;
        let (text, mut ended) = match self.gate.push(bytes) {
            Passed::On(text) => (text, Ended::No),
            Passed::Stopped(text) => (text, Ended::Yes),
        };
        if self.matcher.as_ref().is_some_and(Matcher::is_stopped) {
            ended = Ended::Yes;
        }
        tell(job, Piece::Token { choice: self.choice, text, logprob });
        ended
    }

    fn end(mut self, reason: FinishReason, job: &Job) {
        let text = self.gate.finish();
        if !text.is_empty() {
            tell(job, Piece::Token { choice: self.choice, text, logprob: None });
        }
        tell(job, Piece::Finished { choice: self.choice, reason, tokens: self.tokens });
    }
}

fn tell(job: &Job, piece: Piece) {
    // An error means that the client has gone, which is looked at before each token.
    drop(job.pieces.blocking_send(piece));
}
