//! Opening a GGUF file.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LlamaContextLoadError, LlamaCppError, LlamaModelLoadError, LogOptions, send_logs_to_tracing};

use crate::facts::ModelFacts;
use crate::options::Options;

/// How inference is run.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// Threads for inference, the calling one included.
    pub threads: u32,
    /// The context window, in tokens.
    pub context_tokens: u32,
    /// Whether llama.cpp may talk on standard error.
    pub is_verbose: bool,
}

/// Tokens that are evaluated at once while a prompt is read. Between two batches a job can be cancelled.
pub(super) const BATCH_TOKENS: u32 = 256;

impl From<&Options> for EngineOptions {
    fn from(options: &Options) -> Self {
        Self {
            threads: options.threads.unwrap_or_else(|| physical_cores().saturating_sub(1).max(1)),
            context_tokens: options.context,
            is_verbose: options.verbose,
        }
    }
}

/// Why a file cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no file `{path}`")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// llama.cpp did not start.
    #[error("llama.cpp did not start: {0}")]
    Backend(#[from] LlamaCppError),
    /// llama.cpp cannot read the file.
    #[error("llama.cpp cannot read `{path}`: {source} (`--verbose` shows why)")]
    Model {
        /// The path.
        path: PathBuf,
        /// What the binding says.
        source: LlamaModelLoadError,
    },
    /// No context could be made, most often for want of memory.
    #[error("no context of {tokens} tokens could be made: {source} (a smaller `--context` needs less memory)")]
    Context {
        /// The window.
        tokens: u32,
        /// What the binding says.
        source: LlamaContextLoadError,
    },
    /// The vocabulary cannot be used for constrained decoding.
    #[error("the vocabulary cannot be used for constrained decoding: {0}")]
    Vocabulary(String),
    /// A model could not be evaluated at all.
    #[error("the model could not be evaluated: {0}")]
    Evaluate(#[from] crate::job::JobError),
}

/// An opened model. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    pub(super) backend: Arc<LlamaBackend>,
    pub(super) model: Arc<LlamaModel>,
    context_tokens: u32,
}

impl LoadedModel {
    /// Opens a file. llama.cpp lays the weights out anew for this processor while it reads them, which takes a tenth of
    /// a second for 100 MB and some seconds for 1 GB, and holds them a second time in memory.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(path: &Path, options: &EngineOptions) -> Result<Self, LoadError> {
        if !path.is_file() {
            return Err(LoadError::Missing { path: path.to_owned() });
        }
        let mut backend = LlamaBackend::init()?;
        if !options.is_verbose {
            send_logs_to_tracing(LogOptions::default().with_logs_enabled(false));
            backend.void_logs();
        }
        let parameters = LlamaModelParams::default().with_n_gpu_layers(0);
        let model = LlamaModel::load_from_file(&backend, path, &parameters)
            .map_err(|source| LoadError::Model { path: path.to_owned(), source })?;
        let context_tokens = options.context_tokens.min(model.n_ctx_train()).max(1);
        Ok(Self { backend: Arc::new(backend), model: Arc::new(model), context_tokens })
    }

    /// What the protocol needs to know.
    #[must_use]
    pub fn facts(&self, name: String) -> ModelFacts {
        let vocabulary = self.model.vocab();
        let text = |token: LlamaToken| {
            let known = token.0 >= 0;
            if known { self.token_text(token) } else { String::new() }
        };
        let marks = vocabulary.tokens().filter(|token| vocabulary.is_control(*token) || self.is_user_defined(*token));
        ModelFacts {
            name,
            chat_template: self.model.chat_template(None).ok().and_then(|template| template.to_string().ok()),
            bos: text(vocabulary.bos()),
            eos: text(vocabulary.eos()),
            context_tokens: self.context_tokens,
            control_texts: marks.map(text).filter(|text| text.len() > 1).collect(),
        }
    }

    /// How many weights there are, in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.model.size()
    }

    /// The parameters of a context for this model.
    pub(super) fn context_parameters(&self, options: &EngineOptions) -> LlamaContextParams {
        let threads = i32::try_from(options.threads).unwrap_or(i32::MAX);
        LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(self.context_tokens))
            .with_n_batch(BATCH_TOKENS)
            .with_n_ubatch(BATCH_TOKENS)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
    }

    fn token_text(&self, token: LlamaToken) -> String {
        String::from_utf8_lossy(&self.model.vocab().token_to_piece(token, true, None)).into_owned()
    }

    /// Added words such as `<tool_call>`, which a tokenizer takes for one token wherever they stand.
    fn is_user_defined(&self, token: LlamaToken) -> bool {
        self.model.vocab().attr(token).contains(llama_cpp_2::token_type::LlamaTokenAttr::UserDefined)
    }
}

/// Cores without their hyper-threads, which do not help arithmetic; never more than this process may use.
fn physical_cores() -> u32 {
    let usable = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let described = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut cores = std::collections::BTreeSet::new();
    let mut package = "";
    for (key, value) in described.lines().filter_map(|line| line.split_once(':')) {
        match key.trim() {
            "physical id" => package = value,
            "core id" => {
                cores.insert((package, value));
            }
            _ => {}
        }
    }
    match u32::try_from(cores.len()) {
        Ok(physical) if physical > 0 => usable.min(physical),
        _ => usable,
    }
}
