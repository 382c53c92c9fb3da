//! Two whole phones in one process, over loopback sockets.

use std::time::{Duration, Instant};

use denwa::{Audio, Call, Event, Events, Phone, Uri};
use denwa_benches::alloc::counted;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const AT_ONCE: usize = 8;

struct Pair {
    caller: Phone,
    callee: Phone,
    to: Uri,
}

impl Pair {
    async fn start(max_calls: usize) -> Self {
        let (caller, events) = phone(max_calls).await;
        tokio::spawn(answer_all(events));
        let (callee, events) = phone(max_calls).await;
        tokio::spawn(answer_all(events));
        let to = format!("sip:bob@{}", callee.local_addresses()[0]).parse().expect("a URI");
        Self { caller, callee, to }
    }

    async fn call(&self) -> Call {
        let call = self.caller.dial(self.to.clone()).await.expect("dialled");
        call.answered().await.expect("answered");
        call
    }

    async fn stop(self) {
        self.caller.shutdown().await;
        self.callee.shutdown().await;
    }
}

async fn phone(max_calls: usize) -> (Phone, Events) {
    let builder = Phone::builder().audio(Audio::None).max_calls(max_calls);
    builder.bind(([127, 0, 0, 1], 0).into()).start().await.expect("a phone on loopback")
}

async fn answer_all(mut events: Events) {
    while let Some(event) = events.next().await {
        if let Event::Incoming(ring) = event {
            tokio::spawn(ring.answer());
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Whole calls, a few at once.
pub(crate) fn calls_per_second(calls: usize) -> f64 {
    runtime().block_on(async {
        let pair = std::sync::Arc::new(Pair::start(64).await);
        let began = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..calls {
            if running.len() == AT_ONCE {
                running.join_next().await.expect("one runs").expect("no panic");
            }
            let pair = std::sync::Arc::clone(&pair);
            running.spawn(async move { pair.call().await.hangup().await.expect("hung up") });
        }
        running.join_all().await;
        calls as f64 / began.elapsed().as_secs_f64()
    })
}

/// Calls that are up: their number, and the live heap of one side of each, after the first seconds of talk.
pub(crate) fn memory_of_calls(count: usize) -> (usize, f64) {
    let runtime = runtime();
    let (pair, first) = runtime.block_on(async {
        let pair = Pair::start(2 * count + 2).await;
        let first = pair.call().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        (pair, first)
    });
    let talk = async {
        let mut calls = Vec::new();
        for _ in 0..count {
            calls.push(pair.call().await);
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        calls
    };
    let (calls, counts) = counted(|| runtime.block_on(talk));
    drop((first, calls));
    runtime.block_on(pair.stop());
    (count, counts.live as f64 / (2 * count) as f64)
}
