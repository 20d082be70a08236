//! How long a provider asks to wait, where it says so in an error's body: Google's `RetryInfo`.
//!
//! Source: google.rpc.RetryInfo (googleapis, `google/rpc/error_details.proto`); a duration is written as JSON writes it
//! in protocol buffers, in seconds: `34.074824224s`. Google sends it around whichever dialect it serves.
//!
//! What never happens here: a wait that no provider asked for.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::elements;

/// The type of the detail.
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    error: Error<'b>,
}

#[derive(Deserialize)]
struct Error<'b> {
    #[serde(borrow, default)]
    details: Vec<&'b RawValue>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "@type")]
    kind: String,
    #[serde(rename = "retryDelay")]
    delay: Option<String>,
}

/// The wait that an error body asks for, alone or in a list of one; `None` if it asks for none.
#[must_use]
pub fn retry_delay(body: &[u8]) -> Option<Duration> {
    let whole: &RawValue = serde_json::from_slice(body).ok()?;
    let body = elements(whole).next().unwrap_or(whole);
    let body: Body<'_> = serde_json::from_str(body.get()).ok()?;
    let details = body.error.details.iter().filter_map(|detail| serde_json::from_str::<Detail>(detail.get()).ok());
    let delay = details.filter(|detail| detail.kind == RETRY_INFO).find_map(|detail| detail.delay)?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(details: &str) -> String {
        format!(r#"{{"error":{{"code":429,"message":"busy","status":"RESOURCE_EXHAUSTED","details":{details}}}}}"#)
    }

    #[test]
    fn the_wait_is_read_among_other_details() {
        let details = r#"[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{}]},7,{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]"#;
        let wait = Some(Duration::from_millis(34_500));
        assert_eq!(retry_delay(with(details).as_bytes()), wait);
        assert_eq!(retry_delay(format!("[{}]", with(details)).as_bytes()), wait, "as a stream that never began has it");
    }

    #[test]
    fn nothing_else_is_a_wait() {
        for delay in ["\"-1s\"", "\"NaNs\"", "\"1e300s\"", "\"5\"", "5", "null"] {
            let details = format!(r#"[{{"@type":"{RETRY_INFO}","retryDelay":{delay}}}]"#);
            assert_eq!(retry_delay(with(&details).as_bytes()), None, "{delay}");
        }
        for body in [with("[]"), with("{}"), "{}".to_owned(), "[]".to_owned(), "busy".to_owned(), String::new()] {
            assert_eq!(retry_delay(body.as_bytes()), None, "{body}");
        }
    }
}
