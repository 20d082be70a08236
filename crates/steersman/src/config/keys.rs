//! Every configuration key: one row each. Defaults, the unknown-key check, `steersman init` and `docs/config.md` all
//! come from these rows, so none can disagree with another.

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A whole number, not negative.
    Integer,
    /// A number, not negative.
    Number,
    /// A list of strings.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A word of the scale of effort, or a whole number of tokens.
    Effort,
    /// `env:NAME` or `file:path`; never the secret itself.
    Secret,
}

impl Kind {
    /// The kind in a person's words.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Texts => "a list of strings",
            Self::Flag => "`true` or `false`",
            Self::Effort => "a string or a whole number",
            Self::Secret => "`env:NAME` or `file:path`",
        }
    }

    /// A value of this kind as TOML writes it.
    pub(crate) fn literal(self, value: &str) -> String {
        match self {
            Self::Text | Self::Secret | Self::Effort => format!("\"{value}\""),
            Self::Integer | Self::Number | Self::Texts | Self::Flag => value.to_owned(),
        }
    }
}

/// One key. `*` in the path stands for a name that the operator chooses.
#[derive(Debug)]
pub(crate) struct Key {
    /// The path, dotted.
    pub(crate) path: &'static str,
    /// What the value looks like.
    pub(crate) kind: Kind,
    /// The default, as it would be written; empty for none.
    pub(crate) default: &'static str,
    /// An example, where the default does not show the form.
    pub(crate) example: &'static str,
    /// What it does, in one or two sentences.
    pub(crate) doc: &'static str,
}

impl Key {
    /// What to write, as a hint says it.
    pub(crate) fn written(&self) -> String {
        let name = self.path.rsplit('.').next().unwrap_or(self.path);
        let value = if self.example.is_empty() { self.default } else { self.example };
        format!("write it like `{name} = {}`", self.kind.literal(value))
    }
}

const fn key(path: &'static str, kind: Kind, default: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key { path, kind, default, example, doc }
}

/// What each section is for, in the order of the documentation.
pub(crate) static SECTIONS: &[(&str, &str)] = &[
    ("server", "Where the gateway listens and what it takes."),
    ("admin", "The console and the admin address, apart from what clients reach."),
    (
        "tls",
        "TLS on `server.listen`, and on `admin.listen` where that is not loopback. Without it both speak plain HTTP.",
    ),
    ("limits", "What all requests together may use. Keys have limits of their own: `steersman keys`."),
    ("teams.*", "One table a team that keys belong to."),
    ("store", "Where records are kept and for how long."),
    (
        "cache",
        "Answers that are given again to the same request, where `tasks.NAME.cache` or the header `x-steersman-cache` asks for it.",
    ),
    ("timeouts", "How long each phase of an upstream call may take."),
    ("retry", "When and how often a failed attempt is made again."),
    ("balance", "Which of several places that serve one model gets a request, and which get none."),
    ("hedge", "A second attempt beside the first when it takes longer than such calls do."),
    ("providers.*", "One table a provider. Providers whose key is in its usual environment variable need none."),
    ("structured", "What is remembered of answers that have a form to keep (`docs/structured.md`)."),
    (
        "canaries",
        "Fixed inputs of tasks (`tasks.NAME.canaries`), replayed to notice a changed model (`docs/structured.md`).",
    ),
    ("models.*", "One table a model that needs saying something of: another name, another provider, another price."),
    ("tasks.*", "One table a named use of a model; clients ask for it as `model: \"task/NAME\"`."),
    ("guard", "What tool calls may do, given where their values came from (`docs/guard.md`)."),
    (
        "tools.*",
        "One table a tool: its contract, which the guard and the agent loop share. The name is the one that models see.",
    ),
    (
        "tasks.*.rules.*",
        "One table a rule that the task's answers must satisfy beyond their schema (`docs/structured.md`).",
    ),
    ("tasks.*.objective", "A quality floor for a task, proved on its own requests (`docs/routing.md`)."),
    (
        "tool_servers.*",
        "One table a source of tools that the gateway runs itself: an MCP server (`command` or `url`), or an OpenAPI document.",
    ),
    ("local", "Models served on this machine by `steersman-local`."),
];

/// Every key, in the order of the documentation.
#[rustfmt::skip]
pub(crate) static KEYS: &[Key] = &[
    key("server.listen", Kind::Text, "127.0.0.1:4180", "", "Address and port. An address other than loopback needs `server.api_key`; the console is at `admin.listen` then."),
    key("server.api_key", Kind::Secret, "", "env:STEERSMAN_API_KEY", "The key that clients must send as `authorization: Bearer` (or `x-api-key`, `x-goog-api-key`). None: loopback clients need no key."),
    key("server.hosts", Kind::Texts, "", "[\"gateway.example.com\"]", "Names by which browsers reach the gateway, beside `localhost` and addresses, and hosts whose pages may send it requests (`localhost:3000`): such as need no preflight, since the gateway answers none, and without a look at the answer. Any other is refused with 403 at the console, and at `/v1` while clients need no key: a page of a foreign site must not reach it through a browser on this machine."),
    key("server.max_body_bytes", Kind::Integer, "20971520", "", "The largest request body; a larger one is refused with 413."),
    key("server.pass_unknown_paths", Kind::Flag, "true", "", "Whether a path below `/v1` or `/v1beta` that the gateway does not serve goes on to the provider that `x-steersman-provider` names, or that serves the body's `model`. `false`: 404, or 405 where the path is served for another method; so it is by default where the guard is on, since what such a path answers does not pass it."),
    key("server.request_timeout_ms", Kind::Integer, "30000", "", "How long a client may take to send its request, head and body each, and to take what waits to be written to it."),
    key("server.max_in_flight", Kind::Integer, "2048", "", "How many requests may be under way at once. Further ones wait by key, and the keys take turns."),
    key("server.max_held_mb", Kind::Integer, "512", "", "How many bytes the bodies of requests under way may have together; a request whose body has no room waits before it is read."),
    key("server.max_waiting", Kind::Integer, "4096", "", "How many requests may wait. One more is refused with 503, or takes the place of the newest of the key with the longest queue."),
    key("server.max_wait_ms", Kind::Integer, "5000", "", "How long a request may wait for its turn; then it is refused with 503."),
    key("server.shutdown_grace_ms", Kind::Integer, "10000", "", "How long requests under way may go on after SIGTERM; those left then are cut with `shutting_down`."),
    key("admin.listen", Kind::Text, "", "127.0.0.1:4181", "Address and port of the console, `/admin` and `/api`. An address other than loopback needs an `admin.api_key` of its own. Default: beside the API at `server.listen` where that is loopback, else `127.0.0.1:4181`."),
    key("admin.api_key", Kind::Secret, "", "env:STEERSMAN_ADMIN_KEY", "The key that the console and `/admin` want, as `authorization: Bearer`; a browser asks for it as a password, with any name. Default: `server.api_key`."),
    key("tls.certificate", Kind::Text, "", "gateway.pem", "The certificate and those between it and its root, PEM. Relative to this file. A renewed one is taken over while the gateway runs."),
    key("tls.key", Kind::Text, "", "gateway.key", "Its private key, PEM."),
    key("limits.usd_per_day", Kind::Number, "", "100", "The most that all requests together may cost in a day (UTC)."),
    key("limits.reserve_output_tokens", Kind::Integer, "4096", "", "Output tokens reserved on budgets where a request names no limit of its own."),
    key("teams.*.usd_per_day", Kind::Number, "", "20", "The most that the keys of this team may use together in a day (UTC)."),
    key("store.path", Kind::Text, "", "/var/lib/steersman", "The data folder. Default: `steersman` in the user's data folder."),
    key("store.database_url", Kind::Secret, "", "env:DATABASE_URL", "A PostgreSQL address; without it records are kept in SQLite in the data folder."),
    key("store.retention_days", Kind::Integer, "30", "", "Records older than this are deleted."),
    key("store.retention_mb", Kind::Integer, "4096", "", "The oldest records are deleted once the store is larger than this; at least 16."),
    key("store.queue", Kind::Integer, "16384", "", "How many finished records may wait for the writer, in at most 48 MiB, and at most 1000000; more are dropped and counted."),
    key("store.responses_days", Kind::Integer, "30", "", "For how many days `GET /v1/responses/ID` and `previous_response_id` know a response."),
    key("store.runs_mb", Kind::Integer, "1024", "", "The most that is kept for seven days of runs with tools and of what a reader read; about, as it is counted anew every ten minutes. One virtual key has half of it at most. Where there is no room a new run is refused with `runs_full` before a model is asked or a tool with an effect is called; one that has begun is kept to its end."),
    key("cache.ttl_s", Kind::Integer, "3600", "", "For how many seconds an answer is given again, where the task or the client says nothing else."),
    key("cache.scope", Kind::Text, "key", "shared", "Who gets an answer that was kept: only the virtual key that asked before (`key`), or every client (`shared`)."),
    key("cache.max_mb", Kind::Integer, "256", "", "The most that kept answers take on disk; the oldest go first."),
    key("timeouts.connect_ms", Kind::Integer, "5000", "", "Until a connection stands, TLS included."),
    key("timeouts.first_token_ms", Kind::Integer, "120000", "", "From sending the request to the first byte of the answer's body."),
    key("timeouts.idle_ms", Kind::Integer, "60000", "", "Between two pieces of an answer."),
    key("timeouts.total_ms", Kind::Integer, "900000", "", "For a whole request, retries included."),
    key("retry.attempts", Kind::Integer, "3", "", "How often one request may be tried in all; each candidate of a task or fallback gets one turn. Only failures before the first byte of an answer are tried again."),
    key("retry.base_ms", Kind::Integer, "250", "", "The first pause lies between zero and this; each further one may be twice as long (full jitter)."),
    key("retry.max_ms", Kind::Integer, "8000", "", "The longest pause. A provider that asks for a longer one (`retry-after`) is not tried again."),
    key("retry.budget_percent", Kind::Integer, "20", "", "How many further attempts a hundred requests may have together, fail-over included: a bad minute must not become a storm."),
    key("retry.budget_reserve", Kind::Integer, "10", "", "How many further attempts are allowed in ten seconds besides, however little traffic there is."),
    key("balance.strategy", Kind::Text, "weighted", "", "How traffic is spread over the `targets` of a model: `weighted`, `least_outstanding` or `latency`."),
    key("balance.breaker_failures", Kind::Integer, "5", "", "So many failures in a row, or half of the last twenty calls, keep traffic away from a place. 0: never."),
    key("balance.breaker_open_ms", Kind::Integer, "5000", "", "For how long, the first time; twice as long each further time, up to sixteen times. Traffic returns step by step."),
    key("hedge.percent", Kind::Integer, "0", "", "At most this many of a hundred requests get a second attempt before the first has failed. 0: none, since it costs money."),
    key("hedge.quantile", Kind::Number, "0.95", "", "When: after the time within which this share of recent calls to the same place had their answer (first token, for streams)."),
    key("providers.*.kind", Kind::Text, "", "openai", "The vendor. Default: the table's name, if a vendor has it."),
    key("providers.*.base_url", Kind::Text, "", "https://api.example.com/v1", "The address up to and including the version. Default: the vendor's own."),
    key("providers.*.api_key", Kind::Secret, "", "env:OPENAI_API_KEY", "The key. Default: the vendor's usual environment variable."),
    key("providers.*.region", Kind::Text, "", "eu-central-1", "The region, at `bedrock` and `vertex`; `global` is one at Vertex. Default: AWS_REGION, GOOGLE_CLOUD_LOCATION."),
    key("providers.*.regions", Kind::Texts, "", "[\"eu\"]", "Where it processes requests; with several it may be in any of them. `local`: on this machine, which meets every demand. Default: unknown, so that it gets no request of a task or key that demands regions."),
    key("providers.*.project", Kind::Text, "", "my-project", "The project, at `vertex`. Default: GOOGLE_CLOUD_PROJECT."),
    key("providers.*.credentials", Kind::Secret, "", "file:/run/secrets/account.json", "The key file of a service account, at `vertex`: access tokens are fetched and renewed with it. Default: GOOGLE_APPLICATION_CREDENTIALS."),
    key("providers.*.access_key_id", Kind::Secret, "", "env:AWS_ACCESS_KEY_ID", "The id of an access key, at `bedrock`: calls are signed with it. Default: AWS_ACCESS_KEY_ID."),
    key("providers.*.secret_access_key", Kind::Secret, "", "env:AWS_SECRET_ACCESS_KEY", "The secret of that key. Default: AWS_SECRET_ACCESS_KEY."),
    key("providers.*.session_token", Kind::Secret, "", "env:AWS_SESSION_TOKEN", "The token of a session, where that key is temporary. Default: AWS_SESSION_TOKEN."),
    key("providers.*.profile", Kind::Text, "", "work", "The profile of `~/.aws/credentials` and `~/.aws/config` whose keys, or whose `role_arn`, sign calls, at `bedrock`. Default: AWS_PROFILE, or `default` if there is one and no key is set."),
    key("providers.*.role", Kind::Text, "", "instance", "Whose role signs calls, at `bedrock`: `instance` (its metadata service, version 2) or `container`. Default: a container's, where its variables are set. Keys are renewed before they end."),
    key("providers.*.schemas", Kind::Text, "", "tool", "How a JSON Schema for the answer is asked for, where the vendor's own way is not it (`docs/structured.md`): `tool` (as the one tool that the model must call), `json-mode`, `grammar` (the decoder follows any schema), `as-sent`, `openai`, `anthropic`, `gemini`, `deepseek`."),
    key("providers.*.models", Kind::Texts, "", "[\"gpt-4o-mini\"]", "The models to list. Default: those of the price table. Any other is reached as `provider/model`."),
    key("models.*.provider", Kind::Text, "", "openai", "The provider that serves it."),
    key("models.*.upstream", Kind::Text, "", "gpt-4o-mini-2024-07-18", "The name that the provider knows it by. Default: the table's name."),
    key("models.*.targets", Kind::Texts, "", "[\"openai/gpt-4o-mini; weight=3\", \"azure/gpt-4o-mini\"]", "Further places that serve this model, beside `provider` and `upstream` if those are given: another key, region or vendor. A failure moves on to the next; `balance.strategy` chooses."),
    key("models.*.fallbacks", Kind::Texts, "", "[\"claude-haiku-4-5\"]", "Models to try, in order, once this one's own places have failed."),
    key("models.*.input_usd_per_million", Kind::Number, "", "0.15", "Price of a million input tokens; overrides the price table."),
    key("models.*.output_usd_per_million", Kind::Number, "", "0.60", "Price of a million output tokens."),
    key("models.*.cache_read_usd_per_million", Kind::Number, "", "0.075", "Price of a million input tokens read from the prompt cache."),
    key("models.*.cache_write_usd_per_million", Kind::Number, "", "3.75", "Price of a million input tokens written to the prompt cache."),
    key("models.*.effort", Kind::Effort, "", "low", "How hard it is to think: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, or a whole number, the most tokens of thought. One upstream model under two efforts is two models, each with its own quality and cost. Default: what the client asks for."),
    key("models.*.max_output_tokens", Kind::Integer, "", "4000", "The most tokens that it may produce, thinking included. A client that asks for fewer gets fewer."),
    key("models.*.context_tokens", Kind::Integer, "", "8192", "How many tokens its prompt and answer may have together. A task with an objective sends what is longer to its reference."),
    key("models.*.images", Kind::Flag, "", "false", "Whether it reads images; `false` keeps requests with one away from it as a candidate. Default: unknown, so it is asked."),
    key("models.*.tools", Kind::Flag, "", "false", "Whether it calls tools, likewise."),
    key("tasks.*.model", Kind::Text, "", "gpt-4o-mini", "The model that serves this task."),
    key("tasks.*.regions", Kind::Texts, "", "[\"eu\"]", "Where its requests may be processed: `eu` takes `eu-central-1` too. Places of which `providers.NAME.regions` says nothing, or anything else, are not asked. Default: anywhere."),
    key("tasks.*.usd_per_day", Kind::Number, "", "10", "The most that this task may cost in a day (UTC)."),
    key("tasks.*.cache", Kind::Flag, "false", "true", "Whether an accepted answer is given again to the same request. Never for a task with `tools` or an `objective`. The header `x-steersman-cache` (`on`, `off`, `refresh`, `ttl=SECONDS`) goes first."),
    key("tasks.*.cache_ttl_s", Kind::Integer, "", "600", "For how many seconds, for this task; turns its cache on."),
    key("tasks.*.escalate_to", Kind::Texts, "", "[\"gpt-4o\"]", "Models to try, in order, when an answer breaks its form or the model cannot be reached."),
    key("tasks.*.structured", Kind::Text, "", "strict", "What is done with an answer that has a form to keep: `repair` (or `safe`, the default), `strict`, `lenient`, `validate`, `off`. The header `x-steersman-structured` goes first."),
    key("tasks.*.guard", Kind::Text, "", "observe", "The guard's mode for this task. Default: `guard.mode`."),
    key("tasks.*.plan", Kind::Flag, "false", "true", "Whether the model plans every call of a run before any is made: results flow into variables, and no model chooses a call after it has read one (`docs/guard.md`)."),
    key("tasks.*.reader", Kind::Text, "", "gpt-4o-mini", "The model that reads untrusted results of tools, the gateway's and the client's, so that its own model sees values and handles in their place (`docs/guard.md`)."),
    key("tasks.*.reason_first", Kind::Flag, "false", "true", "Whether the model reasons freely first and the answer is then extracted into its form: two calls. For requests with a form and without tools."),
    key("tasks.*.extract_with", Kind::Text, "", "gpt-4o-mini", "The model that extracts; turns `reason_first` on. The task's own models stand behind it. Default: the task's own."),
    key("tasks.*.effort_report", Kind::Text, "", "lift.json", "A report of `steersman route lift` that shows that the effort of this task's model pays. Needed where `model` is one whose `effort` is `low` or more: thinking is off until that is shown. Relative to this file."),
    key("tasks.*.canaries", Kind::Text, "", "canaries.jsonl", "A file of fixed inputs (a line each: `id`, `messages`, `response_format`) that are replayed to notice a changed model. Default: none."),
    key("tasks.*.bulk_items", Kind::Text, "", "/labels", "The list in the answer that has one item for each item of the question (a JSON pointer). Missing items are asked for once more, alone; duplicates are named, unknown ones left out."),
    key("tasks.*.bulk_id", Kind::Text, "id", "", "The member that names an item, in the question's JSON and in the answer."),
    key("tasks.*.rules.*.check", Kind::Text, "", "value.total == sum(value.lines.map(l, l.amount))", "The condition, in CEL, on `value`, `it` (with `each`) and `source`, the text that the model was given."),
    key("tasks.*.rules.*.each", Kind::Text, "", "/lines/*/quote", "The places that it is asked of, each as `it`: a JSON pointer in which `*` is every element or member. Default: the whole value."),
    key("tasks.*.rules.*.at", Kind::Text, "", "/total", "The place that a violation names, without `each`. Default: the whole value."),
    key("tasks.*.rules.*.message", Kind::Text, "", "the total is not the sum of the lines", "What a violation says, to the model too. Default: the condition."),
    key("tasks.*.objective.reference", Kind::Text, "", "gpt-4o", "The model whose quality is the measure. It answers everything until the floor is proved."),
    key("tasks.*.objective.candidates", Kind::Texts, "", "[\"gpt-4o-mini\"]", "Models that may stand in for it, cheapest first."),
    key("tasks.*.objective.floor", Kind::Number, "", "0.97", "The quality floor, as a share of the reference's. Default: 0.97."),
    key("tasks.*.objective.confidence", Kind::Number, "", "0.95", "The confidence that the floor holds. Default: 0.95."),
    key("tasks.*.objective.evaluator", Kind::Text, "", "agreement", "How answers are graded: `agreement` with the reference's, or `truth`, which clients send to `/v1/feedback`. Without one no candidate is used."),
    key("tasks.*.objective.answer", Kind::Text, "", "/category", "The member of a JSON answer by which answers are compared (a JSON pointer). Default: the whole answer."),
    key("tasks.*.objective.likelihood", Kind::Flag, "false", "true", "Whether candidates are asked for the log-probabilities of their tokens (`logprobs`), and answers weighed by them too. A provider that does not tell them answers nothing then."),
    key("tasks.*.objective.judge", Kind::Text, "", "gpt-4o", "A model that says of a sample of the labels whether the candidate's answer is as good as the reference's. It grades nothing: the console shows how often it is right. Default: none."),
    key("tasks.*.objective.judge_share", Kind::Number, "", "0.2", "Share of labels that it is asked about where the answers differ; a quarter of that where they agree. Default: 0.2."),
    key("tasks.*.objective.watch", Kind::Texts, "", "[\"judge\", \"scores\"]", "Further words that may put a proved floor out of force: `judge`, when it prefers the reference's answers more often than while the floor was proved, and `scores`, when clients score candidates' answers below the floor. They prove nothing. Default: none."),
    key("tasks.*.objective.shadow_share", Kind::Number, "", "0.1", "Share of requests that are put to the other models as well, off the hot path. Default: 0.1."),
    key("tasks.*.objective.shadow_per_day", Kind::Integer, "", "1000", "At most so many requests a day are. Default: 1000."),
    key("tasks.*.objective.shadow_usd_per_day", Kind::Number, "", "5.0", "At most this much a day (UTC) is spent on them, by all gateways together; every model that is asked needs a price then. Default: no limit."),
    key("tasks.*.objective.deadline_ms", Kind::Integer, "", "2000", "How long clients wait for a whole answer: a candidate is left out where it is not known that 19 of 20 of its answers come in time, in a cascade with those before it and the reference behind it."),
    key("tasks.*.objective.streams", Kind::Text, "hold", "prompt", "How streamed requests are decided where the policy looks at answers: `hold` holds a candidate's answer back until it has been weighed; `prompt` gives them a policy that looks at the prompt alone, proved apart, so that an answer flows from its first token."),
    key("tasks.*.objective.router", Kind::Text, "", "router.json", "A router of `steersman route fit` to use as it is. Default: one is fitted to the first 120 labels."),
    key("tasks.*.tools", Kind::Texts, "", "[\"find_order\", \"files/*\"]", "Tools that the gateway runs for this task: names, or `SERVER/*` for all of a server."),
    key("tasks.*.max_steps", Kind::Integer, "8", "", "Model calls of one request with tools; in the last one the model must answer."),
    key("tasks.*.max_calls", Kind::Integer, "32", "", "Tool calls of one request."),
    key("canaries.every_hours", Kind::Integer, "24", "", "Hours between two replays of a task's fixed inputs; a version of its model that they have not seen is another reason."),
    key("canaries.usd_per_day", Kind::Number, "", "0.5", "What replays of all tasks may cost in a day (UTC), as far as prices are known. Default: 0.5."),
    key("structured.aliases", Kind::Flag, "true", "false", "Whether names that a model has begun to use for a declared member are understood once they are confirmed. `false`: none is."),
    key("structured.alias_support", Kind::Integer, "3", "", "So many answers must confirm an alias, if no person does: each asked for again, strictly right, with the same value under the declared name."),
    key("structured.alias_days", Kind::Integer, "30", "", "An alias that was not confirmed for so many days is not in force any more."),
    key("guard.mode", Kind::Text, "", "on", "`on` decides on every tool call, `observe` decides and only records, `off` does nothing. Default: `on` if a tool has a contract or a policy is named, else `off`."),
    key("guard.on_deny", Kind::Text, "refuse", "strip", "What becomes of a call that is not allowed: `refuse` puts the reason in its place, `strip` takes it out, `error` refuses the whole answer."),
    key("guard.history", Kind::Text, "application", "end_users", "Who writes the messages of a request. `end_users`: they can write tool results themselves, so every tool result is untrusted."),
    key("guard.policy", Kind::Text, "", "policy.toml", "A policy file: more contracts, rules, grants, corpora. Relative to this file."),
    key("guard.reader", Kind::Text, "", "gpt-4o-mini", "The model that reads where a request wants a reader (`x-steersman-guard: reader`) and its task names none."),
    key("guard.trusted_hosts", Kind::Texts, "", "[\".example.com\"]", "Hosts to which links may lead; a leading dot stands for all hosts below."),
    key("guard.always_ask", Kind::Texts, "", "[\"send_mail\"]", "Tools each use of which a person approves once untrusted text was read."),
    key("tools.*.effect", Kind::Text, "", "irreversible", "What a call does to the world: `read`, `write` (can be changed back) or `irreversible`. Must be set."),
    key("tools.*.sink", Kind::Texts, "", "[\"to\"]", "Arguments that say who or what is touched. For a tool with effects, every argument that is not `content` counts as one."),
    key("tools.*.content", Kind::Texts, "", "[\"subject\", \"body\"]", "Free arguments: bodies, titles, notes."),
    key("tools.*.untrusted", Kind::Flag, "true", "false", "Whether its output may carry text that an attacker wrote."),
    key("tools.*.attested", Kind::Texts, "", "[\"id\"]", "Output fields whose whole value the platform itself guarantees; `[]` is the elements of a bare list, `*` everything."),
    key("tools.*.reading", Kind::Text, "", "mail.json", "A JSON Schema of what a reader may learn from its results. Without one nobody reads them: all but attested fields stands behind handles. Relative to this file."),
    key("tools.*.private", Kind::Flag, "false", "true", "Whether its output is private to the user."),
    key("tools.*.idempotency", Kind::Text, "opaque", "header:Idempotency-Key", "What makes a repeated call safe: a key in `header:NAME` or `argument:NAME`, or `lookup:TOOL` of the same server, which tells whether an effect happened. What no call of the tool can carry counts as `opaque`."),
    key("tools.*.timeout_ms", Kind::Integer, "", "10000", "How long one call may take."),
    key("tools.*.attempts", Kind::Integer, "1", "3", "How often a call that is safe to repeat may be tried in all."),
    key("tools.*.cost_usd", Kind::Number, "", "0.01", "What one call costs. It is kept with the contract and counts in scopes of the library; no budget of the gateway holds it."),
    key("tool_servers.*.command", Kind::Text, "", "python3", "The program of an MCP server that speaks over its standard streams."),
    key("tool_servers.*.args", Kind::Texts, "", "[\"server.py\"]", "Its arguments."),
    key("tool_servers.*.env", Kind::Texts, "", "[\"TOKEN=env:SHOP_TOKEN\"]", "Variables of its environment: `NAME=env:VARIABLE` or `NAME=file:path`. It sees no other variable of the gateway but `PATH`, `HOME` and their like."),
    key("tool_servers.*.url", Kind::Text, "", "https://tools.example.com/mcp", "The address of an MCP server over streamable HTTP, or of the server of an OpenAPI document."),
    key("tool_servers.*.openapi", Kind::Text, "", "shop.json", "An OpenAPI document (JSON or YAML), whose operations are the tools. Its path is relative to this file."),
    key("tool_servers.*.api_key", Kind::Secret, "", "env:SHOP_KEY", "Sent as `authorization: Bearer`."),
    key("tool_servers.*.prefix", Kind::Text, "", "shop_", "Put before the names of its tools, where two servers have the same."),
    key("tool_servers.*.in_flight", Kind::Integer, "16", "", "Calls of this server at once; more wait."),
    key("local.models", Kind::Texts, "", "[\"smollm2-135m\"]", "Models to serve: catalogue names or paths of GGUF files. Default: every model that was pulled."),
    key("local.binary", Kind::Text, "", "/usr/local/bin/steersman-local", "The `steersman-local` binary. Default: beside `steersman`, then on the PATH."),
    key("local.threads", Kind::Integer, "", "4", "Threads for inference. Default: all cores but one."),
];

/// The row for a path, if there is one.
pub(crate) fn find(path: &[String]) -> Option<&'static Key> {
    KEYS.iter().find(|key| matches(key.path, path))
}

/// The sections that have a key of this name and are no tables of the operator's.
pub(crate) fn sections_of(name: &str) -> Vec<&'static str> {
    let sections = KEYS.iter().filter_map(|key| key.path.rsplit_once('.').filter(|(_, last)| *last == name));
    sections.map(|(section, _)| section).filter(|section| !section.contains('*')).collect()
}

/// The names allowed right below `prefix`: `None` where the operator chooses the name.
pub(crate) fn allowed_below(prefix: &[String]) -> Option<Vec<&'static str>> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in KEYS {
        let mut segments = key.path.split('.');
        if prefix.iter().all(|name| segments.next().is_some_and(|segment| segment == "*" || segment == name)) {
            match segments.next() {
                Some("*") => return None,
                Some(name) if !names.contains(&name) => names.push(name),
                _ => {}
            }
        }
    }
    Some(names)
}

/// The default of a path, as it would be written; empty for none.
pub(crate) fn default(path: &[&str]) -> Option<&'static str> {
    KEYS.iter().find(|key| matches(key.path, path)).map(|key| key.default)
}

fn matches<S: AsRef<str>>(pattern: &str, path: &[S]) -> bool {
    pattern.split('.').count() == path.len()
        && pattern.split('.').zip(path).all(|(segment, name)| segment == "*" || name.as_ref() == segment)
}
