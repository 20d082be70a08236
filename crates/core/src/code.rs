//! The one table of outward error codes. `docs/errors.md` and `steersman explain-code` come from it.

use std::fmt;

/// One row: what a client sees when a call is refused or fails, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name, `snake_case`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The `type` of the OpenAI error object.
    pub openai_type: &'static str,
    /// Whether the same request may succeed later, unchanged.
    pub retryable: bool,
    /// What happened, one sentence.
    pub meaning: &'static str,
    /// What to do about it, one sentence.
    pub hint: &'static str,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! codes {
    ($($ident:ident = $name:literal, $status:literal, $type:literal, $retryable:literal, $meaning:literal, $hint:literal;)*) => {
        impl Code {
            $(#[doc = $meaning] pub const $ident: &'static Self = &Self {
                name: $name, status: $status, openai_type: $type, retryable: $retryable, meaning: $meaning, hint: $hint,
            };)*
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [&'static Self] = &[$(Self::$ident,)*];
        }
    };
}

codes! {
    INVALID_JSON = "invalid_json", 400, "invalid_request_error", false,
        "The request body is not valid JSON.", "Check the body at the byte that the message names.";
    INVALID_REQUEST = "invalid_request", 400, "invalid_request_error", false,
        "A field of the request has the wrong type or value.", "Correct the field that `param` names.";
    INVALID_SCHEMA = "invalid_schema", 400, "invalid_request_error", false,
        "A JSON Schema in the request cannot be used.", "Correct the schema that `param` names; references must stay inside it.";
    MODEL_NOT_FOUND = "model_not_found", 404, "invalid_request_error", false,
        "No configured provider serves this model.", "Use one of the names that the message gives, or list all with `GET /v1/models`.";
    NOT_FOUND = "not_found", 404, "invalid_request_error", false,
        "There is nothing at this address.", "Check the path; name a provider in `x-steersman-provider` if the call is to be passed on.";
    STATE_UNAVAILABLE = "state_unavailable", 503, "server_error", true,
        "The gateway's durable state cannot be reached; nothing was sent to a provider.", "Try again; look at the disk or the database that the log names.";
    HOST_NOT_ALLOWED = "host_not_allowed", 403, "permission_error", false,
        "The request names a host that is not this gateway.", "Use `127.0.0.1` or `localhost`, or add the name to `server.hosts`.";
    CROSS_SITE = "cross_site", 403, "permission_error", false,
        "A page of another site sent this request.", "Add its host to `server.hosts` if it may, or call from outside a browser.";
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "invalid_request_error", false,
        "The address exists, but not for this method.", "Use the method that the `allow` header names.";
    BODY_TOO_LARGE = "body_too_large", 413, "invalid_request_error", false,
        "The request body is larger than the configured limit.", "Send less, or raise `server.max_body_bytes`.";
    REQUEST_TIMEOUT = "request_timeout", 408, "invalid_request_error", true,
        "The client took too long to send its request.", "Send the request without pauses.";
    INVALID_KEY = "invalid_api_key", 401, "authentication_error", false,
        "The request carries no valid key of this gateway.", "Send the gateway's key as `authorization: Bearer KEY`.";
    MISSING_KEY = "missing_key", 401, "authentication_error", false,
        "The provider needs an API key and none is configured.", "Set the environment variable that the message names, then restart.";
    UPSTREAM_AUTH = "upstream_auth", 502, "upstream_error", false,
        "The provider refused the gateway's key.", "Check the key of this provider; `steersman doctor` says where it is read from.";
    UPSTREAM_REFUSED = "upstream_refused", 400, "invalid_request_error", false,
        "The provider refused the request as invalid.", "Read the provider's message; the request was passed on unchanged.";
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded", 400, "invalid_request_error", false,
        "The prompt is longer than the model's context.", "Send less, or name a model with a longer context.";
    MODEL_NOT_ALLOWED = "model_not_allowed", 403, "permission_error", false,
        "The key may not use this model.", "Use a model that the key lists, or ask whoever made the key.";
    REGION_NOT_SERVED = "region_not_served", 403, "permission_error", false,
        "The task or the key demands regions, and no place that serves this model is known to lie in them.", "Name a model of such a region, or say in `providers.NAME.regions` where a provider processes requests.";
    KEY_LIMIT = "key_limit", 429, "rate_limit_error", true,
        "The key's own limit of requests or tokens a minute is reached.", "Wait as long as `retry-after` says.";
    BUDGET_EXCEEDED = "budget_exceeded", 402, "insufficient_quota", false,
        "A budget leaves too little for this request.", "The message names the budget and when it begins anew; raise it, or wait.";
    RATE_LIMITED = "rate_limited", 429, "rate_limit_error", true,
        "The provider's rate limit was reached and the retries are spent.", "Wait as long as `retry-after` says.";
    UPSTREAM_ERROR = "upstream_error", 502, "upstream_error", true,
        "The provider answered with an error of its own.", "Try again; `steersman explain` shows each attempt.";
    UPSTREAM_OVERLOADED = "upstream_overloaded", 503, "upstream_error", true,
        "The provider has no room for more requests, and the retries are spent.", "Try again in a moment, or give the task a second provider.";
    UPSTREAM_UNREACHABLE = "upstream_unreachable", 502, "upstream_error", true,
        "No connection to the provider could be made.", "Check the network and the provider's `base_url`.";
    UPSTREAM_TIMEOUT = "upstream_timeout", 504, "upstream_error", true,
        "The provider did not answer in time.", "Try again, or raise the time-out that the message names.";
    UPSTREAM_CUT = "upstream_cut", 502, "upstream_error", true,
        "The provider's answer ended before it was complete.", "Try again; what arrived is on the record.";
    UPSTREAM_MALFORMED = "upstream_malformed", 502, "upstream_error", true,
        "The provider's answer could not be read.", "Try again; the raw answer is on the record.";
    UNSUPPORTED = "unsupported", 400, "invalid_request_error", false,
        "The chosen provider cannot express a part of this request.", "Remove the part that `param` names, or choose another model.";
    OUTPUT_REJECTED = "output_rejected", 422, "output_error", true,
        "The model's output broke the schema or a rule, and no safe repair exists.", "Read the violations; the raw text stands beside them.";
    OUTPUT_TRUNCATED = "output_truncated", 422, "output_error", true,
        "The model's output was cut before it was complete.", "Raise `max_completion_tokens`, or ask for less.";
    GUARD_DENIED = "guard_denied", 403, "permission_error", false,
        "The model proposed a tool call that the guard does not allow.", "`steersman explain` shows the argument and its source; a person may approve the call by the hash in the message.";
    OUTPUT_STARVED = "output_starved", 422, "output_error", true,
        "The model spent its whole output limit on thinking and left no answer.", "Raise `max_completion_tokens`, or lower the effort.";
    IDEMPOTENCY_CONFLICT = "idempotency_conflict", 409, "invalid_request_error", false,
        "The `Idempotency-Key` belongs to another request, or another gateway works on it.", "Use a new key for a new request; send the same body to see the first one's answer.";
    STEP_LIMIT = "step_limit", 422, "output_error", true,
        "The model wanted to call tools more often than the task allows.", "Raise `tasks.NAME.max_steps`, or ask for less; `steersman explain` shows each step.";
    RUN_FORGOTTEN = "run_forgotten", 409, "invalid_request_error", false,
        "The run of this `Idempotency-Key` was begun and cannot go on: what it had read is not kept any more.", "Look at `/console/effects` for what it did, and use a new key.";
    TOOLS_UNAVAILABLE = "tools_unavailable", 503, "server_error", true,
        "A server of tools that the task names does not answer, and no model was asked to do without them.", "Try again, with the same `Idempotency-Key` if there was one; `steersman tools list` shows which servers answer.";
    RUNS_FULL = "runs_full", 503, "server_error", true,
        "There is no room for what a new run would leave, and it was refused before a tool with an effect was called.", "Raise `store.runs_mb`, of which one key may take half, or wait: what is older than seven days makes room.";
    RUN_NOT_KEPT = "run_not_kept", 503, "server_error", true,
        "The state of a run with tools could not be written. No tool with an effect is called before it is.", "Look at the disk or the database; the same request with its `Idempotency-Key` goes on where it ended. Without one, look at `/console/effects` before you repeat it.";
    OVERLOADED = "overloaded", 503, "server_error", true,
        "The gateway is at its limit of requests, and this one's turn did not come in time.", "Wait as long as `retry-after` says; `GET /admin/load` shows which keys wait.";
    SHUTTING_DOWN = "shutting_down", 503, "server_error", true,
        "The gateway is shutting down and takes no new requests.", "Try another instance, or try again in a moment.";
    HEDGE_LOST = "hedge_lost", 499, "client_error", false,
        "Another attempt at the same request answered first, and this one was cancelled.", "Nothing to do; it stands on the record beside the one that won.";
    CLIENT_GONE = "client_gone", 499, "client_error", false,
        "The client closed the connection before the answer was complete.", "Nothing to do; the upstream call was cancelled.";
    INTERNAL = "internal", 500, "server_error", false,
        "The gateway broke one of its own invariants.", "This is our fault: report it with the request id.";
}

impl Code {
    /// The row with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().copied().find(|code| code.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_each_row_says_what_to_do() {
        for (i, code) in Code::ALL.iter().enumerate() {
            assert!(code.meaning.ends_with('.') && code.hint.ends_with('.'), "`{code}` has half a sentence");
            assert_eq!(Code::ALL.iter().position(|other| other.name == code.name), Some(i));
        }
    }
}
