//! A fan-out in a scope: one call is slow, one fails, one needs a clean-up; nothing is left when the scope returns.
//!
//! `cargo run -p steersman-scope --example fan_out`

use std::time::Duration;

use steersman_core::Usd;
use steersman_scope::{Amount, Budget, Caps, Child, Root, Scope};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let caps = Caps { tokens: Some(10_000), cost: Some(Usd::from_nanos(50_000_000)), calls: Some(100) };
    let root = Root::new("process", &Budget::new("api key 7", caps), Duration::from_secs(2));

    let quick = Child::new("quick", |scope: Scope| async move {
        // Reserve what the call may cost at most, settle what it did cost.
        let hold = scope.reserve(Amount::tokens(800)).map_err(|over| over.to_string())?;
        sleep(Duration::from_millis(20)).await;
        hold.settle(Amount::tokens(312));
        Ok("an answer".to_owned())
    });
    let slow = Child::new("slow", |scope: Scope| async move {
        scope.on_close("give the connection back", async { println!("connection given back") });
        sleep(Duration::from_secs(3600)).await;
        Ok(String::new())
    });
    let broken = Child::new("broken", |_| async { Err("no such document".to_owned()) });

    // The error policy is the last step, and there is no default.
    let fan_out = root.scope("turn 1").deadline(Duration::from_millis(100));
    let settled = fan_out.best_effort([quick, slow, broken]).await;
    let lines = settled.fold(|id, answer| format!("{id}: {answer}"), |failure| failure.to_string());
    match lines {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(uncleaned) => println!("{uncleaned}"),
    }
    println!("spent {:?}, held {:?}", root.budget().spent(), root.budget().held());
    root.shutdown().await;
}
