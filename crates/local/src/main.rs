//! `steersman-local`: serves a GGUF file in the OpenAI format.
//!
//! Standard output is data (one line when ready, or the figures of `--bench`), standard error is talk. The exit code 78
//! tells a supervisor that starting again is useless.

use std::process::ExitCode;

use clap::Parser;
use steersman_local::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if let Some(hint) = failure.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

#[cfg(feature = "llama")]
use with_llama::run;

#[cfg(not(feature = "llama"))]
fn run(_: &Options) -> Result<(), WithoutLlama> {
    Err(WithoutLlama)
}

/// The plain build links no C++, and so cannot run a model.
#[cfg(not(feature = "llama"))]
#[derive(Debug)]
struct WithoutLlama;

#[cfg(not(feature = "llama"))]
impl std::fmt::Display for WithoutLlama {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this build of steersman-local has no inference engine")
    }
}

#[cfg(not(feature = "llama"))]
impl WithoutLlama {
    fn hint(&self) -> Option<&'static str> {
        let Self = self;
        Some(
            "build it with `cargo build --release -p steersman-local --features llama`; this needs cmake, libclang and a C++ compiler, see docs/local-models.md",
        )
    }

    fn exit_code(&self) -> u8 {
        let Self = self;
        steersman_models::EXIT_PERMANENT
    }
}

#[cfg(feature = "llama")]
mod with_llama {
    use std::io;
    use std::time::Instant;

    use steersman_local::{
        ChatTemplate, EngineOptions, Listen, LoadError, LoadedModel, Options, ServeError, Service, TemplateError,
        bench, ending, router, serve, slots,
    };
    use steersman_models::{EXIT_PERMANENT, Ready};

    /// Why nothing is served.
    #[derive(Debug, thiserror::Error)]
    pub(crate) enum Failure {
        #[error(transparent)]
        Load(#[from] LoadError),
        #[error(transparent)]
        Template(#[from] TemplateError),
        #[error(transparent)]
        Serve(#[from] ServeError),
        #[error("could not start: {0}")]
        Start(#[from] io::Error),
        #[error("could not write the figures: {0}")]
        Figures(#[from] serde_json::Error),
    }

    impl Failure {
        pub(crate) fn hint(&self) -> Option<&'static str> {
            match self {
                Self::Load(LoadError::Missing { .. }) => Some("`steersman models pull` fetches a model"),
                _ => None,
            }
        }

        pub(crate) fn exit_code(&self) -> u8 {
            match self {
                Self::Load(_) | Self::Template(_) | Self::Serve(ServeError::NotLoopback(_)) => EXIT_PERMANENT,
                Self::Serve(_) | Self::Start(_) | Self::Figures(_) => 1,
            }
        }
    }

    pub(crate) fn run(options: &Options) -> Result<(), Failure> {
        let started = Instant::now();
        let engine_options = EngineOptions::from(options);
        let model = LoadedModel::load(&options.model, &engine_options)?;
        let load_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if options.bench {
            println!("{}", serde_json::to_string_pretty(&bench(&model, &engine_options, load_ms)?)?);
            return Ok(());
        }
        let facts = model.facts(options.served_name());
        let template = ChatTemplate::new(facts.chat_template.as_deref(), &facts.bos, &facts.eos)?;
        let listen = options.unix.clone().map_or(Listen::Tcp(options.listen), Listen::Unix);
        let (slots, jobs) = slots(usize::try_from(options.queue).unwrap_or(usize::MAX));
        let ready =
            Ready { address: String::new(), model: facts.name.clone(), context_tokens: facts.context_tokens, load_ms };
        let service = Service { facts, template, slots, default_max_tokens: options.max_tokens };
        let inference = model.start(engine_options, jobs)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = runtime.block_on(async {
            let end = ending(options.exit_with_stdin)?;
            Ok::<_, Failure>(serve(&listen, router(service), ready, end).await?)
        });
        // Dropping the runtime drops every answer under way, which cancels its job; then the thread ends by itself.
        drop(runtime);
        inference.join();
        served
    }
}
