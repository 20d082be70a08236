//! Every fault scenario with every sink it applies to, over a few seeds; `--example chaos` runs as many as one likes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "shared with the chaos example"
)]

#[path = "../examples/chaos/cell.rs"]
mod cell;
#[path = "../examples/chaos/disk.rs"]
mod disk;
#[path = "../examples/chaos/scenarios.rs"]
mod scenarios;
#[path = "../examples/chaos/sink.rs"]
mod sink;
#[path = "../examples/chaos/special.rs"]
mod special;
#[path = "../examples/chaos/world.rs"]
mod world;

use scenarios::SCENARIOS;
use sink::Class;
use world::World;

#[test]
fn no_effect_happens_twice_and_none_is_lost_in_silence_whatever_fails() {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>().is_none_or(|text| *text != "boom") {
            eprintln!("{info}");
        }
    }));
    for scenario in SCENARIOS {
        for class in scenario.sinks {
            for seed in 0..3 {
                let mixed = 1_000_000_007 * (seed + 1) + u64::from(scenario.number);
                let verdict = (scenario.run)(World::new(*class, mixed));
                let place = format!("{} / {} / {mixed}", scenario.name, class.name());
                assert_eq!((verdict.duplicates, verdict.silent_losses), (0, 0), "{place}: {:?}", verdict.broken);
                assert_eq!(verdict.broken, Vec::<String>::new(), "{place}");
            }
        }
    }
}

#[test]
fn the_harness_sees_the_duplicates_that_a_lying_contract_causes() {
    let lost_answers = SCENARIOS.iter().find(|scenario| scenario.number == 4).unwrap();
    let mut world = World::new(Class::Opaque, 1);
    world.sink.claims = Class::Keyed;
    assert!((lost_answers.run)(world).duplicates > 0);
}
