//! The worlds: which gateways there are, where they die or stand still, and who goes on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use steersman_scope::Dice;
use steersman_store::state::effects;

use super::base::Base;
use super::cell::Verdict;
use super::sinkd::LATEST;
use super::verdict::{Told, judge};
use super::worker::{CALLS, FAIL_POINT, LEASE, STEPS, STOP_POINT};

/// What happens to the gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The gateway is killed there (`None`: any moment), twice, and started again.
    Kill(Option<&'static str>),
    /// Two gateways want the run at once; one of them is killed at any moment.
    Two,
    /// The gateway stands still for longer than its lease, another one takes the run over, and the first goes on.
    Stop,
}

/// A scenario.
pub struct Scenario {
    pub name: String,
    trouble: Trouble,
}

/// Where the runner and the ledger may be interrupted.
const POINTS: [&str; 6] = [
    "plan.before",
    "dispatch.before",
    "dispatch.answered",
    "outcome.recorded",
    "reconcile.before",
    "reconcile.looked_up",
];

impl Scenario {
    /// Whether a worker on any stack can take part.
    pub fn is_for_all(&self) -> bool {
        match self.trouble {
            Trouble::Kill(point) => {
                point.is_none_or(|point| point == "dispatch.before" || point == "dispatch.answered")
            }
            Trouble::Two => true,
            Trouble::Stop => false,
        }
    }
}

/// All scenarios.
pub fn scenarios() -> Vec<Scenario> {
    let points = POINTS.into_iter().chain(effects::FAIL_POINTS).map(Some).chain([None]);
    let kill = |point: Option<&'static str>| Scenario {
        name: format!("kill -9 at {}", point.unwrap_or("any moment")),
        trouble: Trouble::Kill(point),
    };
    let named = |name: &str, trouble| Scenario { name: name.to_owned(), trouble };
    points
        .map(kill)
        .chain([
            named("two gateways, one is killed", Trouble::Two),
            named("SIGSTOP, lease lost, SIGCONT", Trouble::Stop),
        ])
        .collect()
}

struct Sinkd(Process, u16);

impl Drop for Sinkd {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Sinkd {
    fn start(folder: &Path, class: &str, seed: u64) -> Self {
        let arguments = ["sinkd", folder.to_str().unwrap(), class, &seed.to_string()];
        let mut sinkd = me().args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(sinkd.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self(sinkd, port.trim().parse().unwrap())
    }

    fn calm(&self) {
        writeln!(TcpStream::connect(("127.0.0.1", self.1)).unwrap(), "{{\"op\": \"calm\"}}").unwrap();
    }
}

/// An agent on another stack in the place of our worker: `CHAOS_WORKER` holds its command as a JSON list of words.
pub fn rival() -> Option<Command> {
    let words: Vec<String> = serde_json::from_str(&std::env::var("CHAOS_WORKER").ok()?).ok()?;
    let (program, arguments) = words.split_first()?;
    let mut rival = Command::new(program);
    rival.args(arguments);
    Some(rival)
}

fn me() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// One world: its sink, its state, its dice.
struct World<'a> {
    class: &'a str,
    engine: &'a Base,
    place: String,
    sinkd: Sinkd,
    dice: Dice,
}

impl World<'_> {
    fn worker(&self, owner: &str) -> Command {
        let mut worker = rival().unwrap_or_else(|| {
            let mut own = me();
            own.arg("worker");
            own
        });
        worker.args([owner, self.class, &self.sinkd.1.to_string()]).stdout(Stdio::piped());
        self.engine.tell(&mut worker, &self.place);
        if std::env::var_os("CHAOS_LOUD").is_none() {
            worker.stderr(Stdio::null());
        }
        worker
    }

    /// Any moment of so long a life; a rival that is slow to start lives longer.
    fn nap(&self, longest_ms: u64) {
        let usual = if rival().is_some() { self.usual_ms() } else { 0 };
        std::thread::sleep(Duration::from_millis(self.dice.below(longest_ms.max(usual))));
    }

    /// How long a worker lives when nothing befalls it, measured once beside a calm sink.
    fn usual_ms(&self) -> u64 {
        static USUAL: OnceLock<u64> = OnceLock::new();
        *USUAL.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let sinkd = Sinkd::start(folder.path(), self.class, 0);
            let (place, dice) = (self.engine.place(folder.path()), Dice::seeded(0));
            let calm = World { class: self.class, engine: self.engine, place, sinkd, dice };
            let began = Instant::now();
            calm.last("usual");
            self.engine.clear(&calm.place);
            u64::try_from(began.elapsed().as_millis()).unwrap()
        })
    }

    /// Calms the sink and lets this gateway come to its end.
    fn last(&self, owner: &str) -> Told {
        self.sinkd.calm();
        told(self.worker(owner).spawn().unwrap())
    }

    fn kill_twice(&self, point: Option<&'static str>) -> Told {
        for _ in 0..2 {
            let mut worker = self.worker("a");
            if let Some(point) = point {
                worker.env(FAIL_POINT, format!("{point}:{}", 1 + self.dice.below(4)));
            }
            let mut worker = worker.spawn().unwrap();
            if point.is_none() {
                self.nap(120);
                worker.kill().unwrap();
            }
            told(worker);
        }
        self.last("a")
    }

    fn two_at_once(&self) -> Told {
        let mut both = ["a", "b"].map(|owner| self.worker(owner).spawn().unwrap());
        self.nap(200);
        let victim = usize::try_from(self.dice.below(2)).unwrap();
        both[victim].kill().unwrap();
        both.into_iter().map(told).for_each(drop);
        self.last("c")
    }

    fn stop_and_go_on(&self) -> Told {
        // Not inside a transaction: there the database itself would stand still.
        let points = ["plan.before", "ledger.before", "ledger.after", "dispatch.before", "dispatch.answered"];
        let point = points[usize::try_from(self.dice.below(5)).unwrap()];
        let mut a = self.worker("a");
        a.env(STOP_POINT, format!("{point}:{}", 1 + self.dice.below(4)));
        let a = a.spawn().unwrap();
        let pid = Pid::from_child(&a);
        let deadline = Instant::now() + Duration::from_secs(5);
        while stands(&a) == Some(false) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(LEASE + Duration::from_millis(50));
        let b = self.worker("b").spawn().unwrap();
        self.nap(400);
        // It may have come to its end without standing still.
        if let Err(gone) = kill_process(pid, Signal::CONT) {
            assert_eq!(gone, rustix::io::Errno::SRCH);
        }
        told(a);
        told(b);
        self.last("b")
    }
}

/// Whether the process stands still; `None` if it has ended.
fn stands(process: &Process) -> Option<bool> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).ok()?;
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    if state == 'Z' { None } else { Some(state == 'T') }
}

/// What a worker prints before its end; nothing if it was killed.
fn told(mut worker: Process) -> Told {
    let mut text = String::new();
    worker.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    worker.wait().unwrap();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Lives one world and judges it.
pub fn live(scenario: &Scenario, class: &str, engine: &Base, seed: u64) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let (sinkd, place) = (Sinkd::start(folder.path(), class, seed), engine.place(folder.path()));
    let world = World { class, engine, place, sinkd, dice: Dice::seeded(seed) };
    let told = match scenario.trouble {
        Trouble::Kill(point) => world.kill_twice(point),
        Trouble::Two => world.two_at_once(),
        Trouble::Stop => world.stop_and_go_on(),
    };
    // What was late has acted by now.
    std::thread::sleep(LATEST);
    let truth = std::fs::read_to_string(folder.path().join("truth.log")).unwrap();
    engine.clear(&world.place);
    // Whoever takes over from a gateway that is only silent cannot trust a look-up that finds nothing.
    let alone = matches!(scenario.trouble, Trouble::Kill(_));
    judge(&told, &truth, STEPS * CALLS, class == "keyed" || (class == "lookup" && alone))
}
