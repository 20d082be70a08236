//! What the library makes of a damaged answer, with its schema: `cargo run -p steersman-structured --example read`.

use steersman_structured::{CompiledSchema, Conditions, Reading, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = serde_json::from_str(
        r#"{"type": "object", "properties": {
            "ticket_category": {"enum": ["billing", "bug", "other"]}, "amount": {"type": "number"}},
            "required": ["ticket_category", "amount"], "additionalProperties": false}"#,
    )?;
    // Compiled once, used for each answer.
    let schema = CompiledSchema::new(&schema)?;
    for text in [
        "Here you are:\n```json\n{\"category\": \"Billing\", \"amount\": \"18.40 €\",}\n```",
        "{'ticket_category': 'bug', 'amount': 12345678901234567890.10}",
        "{\"ticket_category\": \"billing or bug\", \"amount\": 5}",
        "{\"ticket_category\": \"bug\", \"amount\": 18",
        "I'm sorry, I can't help with that.",
    ] {
        println!("{text}");
        match read(text, Some(&schema), Conditions::default()) {
            Reading::Accepted(accepted) => {
                println!("=> {}", accepted.document().text());
                for repair in accepted.repairs() {
                    println!(
                        "   {:?} at `{}`: {:?} became {:?}",
                        repair.code, repair.pointer, repair.before, repair.after
                    );
                }
            }
            Reading::Rejected(rejected) => {
                let messages = rejected.violations.iter().map(|violation| violation.message.as_str());
                println!("=> rejected: {}", messages.collect::<Vec<_>>().join("; "));
            }
            Reading::Refused(words) => println!("=> the model declined: {words}"),
            Reading::Truncated(cut) => println!("=> cut; certain is {}", cut.prefix.as_deref().unwrap_or("nothing")),
        }
        println!();
    }
    Ok(())
}
