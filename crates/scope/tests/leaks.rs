//! Five hundred cancelled scopes leave nothing behind. A test binary of its own: what is counted is what the whole
//! process holds.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use steersman_scope::{Budget, Caps, Child, Root, Scope, piped};

/// Open descriptors and child processes of this process.
fn leaks() -> (usize, usize) {
    let count = |path: &str| std::fs::read_dir(path).map_or(0, Iterator::count);
    let me = std::process::id();
    let tasks = std::fs::read_dir(format!("/proc/{me}/task")).unwrap();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    (count(&format!("/proc/{me}/fd")), children.map(|line| line.split_whitespace().count()).sum())
}

#[test]
fn cancelled_scopes_with_sockets_leak_no_descriptor_no_task_and_no_child() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let root = Root::new("test", &Budget::new("all", Caps::default()), Duration::from_millis(300));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let one = |i: usize| {
            let (spec, processes) = (root.scope("turn").deadline(Duration::from_millis(2)), i.is_multiple_of(50));
            async move {
                let child = Child::<(), String>::new("call", move |scope: Scope| async move {
                    let _socket = tokio::net::TcpStream::connect(address).await.map_err(|e| e.to_string())?;
                    let _process = processes.then(|| scope.process(piped("sleep", &["60"])));
                    std::future::pending().await
                });
                let failed = spec.all_or_nothing([child]).await.unwrap_err();
                assert_eq!(failed.completed.len(), 0);
            }
        };
        one(0).await;
        let metrics = tokio::runtime::Handle::current().metrics();
        let before = leaks();
        for i in 0..500 {
            one(i).await;
            while let Ok(Ok(accepted)) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
                drop(accepted);
            }
        }
        assert_eq!(metrics.num_alive_tasks(), 0);
        let after = leaks();
        assert!(after.0 <= before.0 + 2 && after.1 <= before.1, "descriptors and children: {before:?}, then {after:?}");
    });
}
