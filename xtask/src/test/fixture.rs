//! A gateway with a simulated provider behind it, as the SDK and browser tests want it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::release;
use crate::server::{Gateway, Server};
use crate::{Failure, house};

/// Models of the simulated provider that the gateway lists; `tests/sdk/provider.toml` says what each does.
const MODELS: &[&str] = &[
    "sim-small",
    "sim-parallel",
    "sim-echo",
    "sim-thinks",
    "sim-refuses",
    "sim-busy",
    "sim-rejects",
    "sim-down",
    "sim-slow",
];

/// The key of a provider. It must turn up nowhere.
const SECRET: &str = "sk-planted-secret-of-the-tests";

/// Both processes; they end with it.
pub(super) struct Fixture {
    /// The gateway.
    pub(super) gateway: Gateway,
    /// The provider's host and port.
    pub(super) provider: String,
    /// Everything that the gateway wrote: its data and its stderr.
    folder: PathBuf,
    _provider: Server,
}

impl Fixture {
    /// Builds and starts both, with an empty data folder.
    pub(super) fn start(name: &str) -> Result<Self, Failure> {
        let load = release("steersman-load", "steersman-load")?;
        let steersman = release("steersman", "steersman")?;
        let folder = house::target("fixtures").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let script = house::root().join("tests/sdk/provider.toml");
        let mut server = Server::start(Command::new(load).arg("sim").arg(script))?;
        let provider = server.line()?;
        let config = folder.join("steersman.toml");
        std::fs::write(&config, configuration(&provider))?;
        let data = folder.join("data");
        let mut command = Command::new(steersman);
        command.env("SIM_KEY", SECRET).stderr(std::fs::File::create(folder.join("stderr"))?);
        let gateway = Gateway::start(&mut command, Some(&config), &data)?;
        Ok(Self { gateway, provider, folder, _provider: server })
    }

    /// A command that knows both addresses.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(house::root());
        command.env("STEERSMAN_URL", format!("http://{}", self.gateway.address));
        command.env("PROVIDER_URL", format!("http://{}", self.provider));
        command
    }

    /// Ends the gateway and gives the files that hold the planted key.
    pub(super) fn leaks(self) -> Result<Vec<PathBuf>, Failure> {
        self.gateway.server.end()?;
        let mut leaks = Vec::new();
        let mut folders = vec![self.folder];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if std::fs::read(&path)?.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
                    leaks.push(path);
                }
            }
        }
        Ok(leaks)
    }
}

fn configuration(provider: &str) -> String {
    let listed = MODELS.iter().map(|model| format!("\"{model}\"")).collect::<Vec<_>>().join(", ");
    format!(
        "[retry]\nattempts = 1\n\n\
         [providers.sim]\nkind = \"openai-compatible\"\nbase_url = \"http://{provider}/v1\"\nmodels = [{listed}]\n\n\
         [providers.other]\nkind = \"anthropic\"\nbase_url = \"http://{provider}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"sim-claude\"]\n\n\
         [providers.native]\nkind = \"openai-responses\"\nbase_url = \"http://{provider}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"sim-responses\"]\n\n\
         [providers.gemini]\nbase_url = \"http://{provider}/v1beta\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"sim-gemini\"]\n\n\
         [providers.bedrock]\nbase_url = \"http://{provider}\"\nregion = \"eu-central-1\"\naccess_key_id = \"env:SIM_KEY\"\nsecret_access_key = \"env:SIM_KEY\"\nmodels = [\"sim-bedrock\"]\n\n\
         [providers.vertex]\nbase_url = \"http://{provider}/v1/projects/p/locations/l\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"sim-vertex\"]\n\n\
         [providers.vertex-anthropic]\nbase_url = \"http://{provider}/v1/projects/p/locations/l\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"sim-vertex-claude\"]\n\n\
         [models.sim-small]\nprovider = \"sim\"\ninput_usd_per_million = 0.15\noutput_usd_per_million = 0.60\n"
    )
}
