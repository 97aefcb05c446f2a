//! A crowd for a signalling server on this machine: how much it costs to hold people, to relay for them, to let them
//! in.
//!
//!     load URL PID [pages]
//!
//! URL is `ws://127.0.0.1:PORT/ws` or `wss://...` (any certificate will do); PID is the server's, whose memory and
//! processor time are read from /proc; `pages` is a crowd of pages that were written for signalmaster, for a server of
//! their own: memory that others have given back would be theirs for nothing. `cargo xtask bench signal` starts both.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a load has the time of the day")]

mod any_certificate;
mod crowd;
mod page;
mod process;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep_until};

use crowd::{Door, Person};
use page::Page;
use process::Process;

/// People who do nothing.
const IDLE: usize = 10_000;
/// People who send words to each other, two in a room, and for how long.
const TALKERS: usize = 1000;
const TALK: Duration = Duration::from_secs(5);
/// Words a second of each: below what the server takes of one, which is 50.
const WORDS: u32 = 45;
/// Length of a word, bytes.
const WORD: usize = 1000;
/// People who come in, how many of them make a room, and how many come each second.
const COMERS: usize = 1000;
const ROOM: usize = 10;
const COMING: u32 = 200;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("the first argument is the server's URL")?;
    let server = Process(arguments.next().and_then(|id| id.parse().ok()).context("the second one is its process id")?);
    rlimit::increase_nofile_limit(IDLE as u64 + 1024)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let door = Door::new(&url)?;
        if arguments.next().is_some_and(|kind| kind == "pages") {
            relay_for_pages(&door, server).await?;
            for page in &mut idle(&door, server, "older pages", page).await? {
                page.ping().await?;
            }
            return Ok(());
        }
        join(&door).await?;
        relay(&door, server).await?;
        idle(&door, server, "people", person).await.map(drop)
    })
}

/// How long it takes to be let in while many come.
async fn join(door: &Door) -> Result<()> {
    let mut ticks = interval(Duration::from_secs(1) / COMING);
    let mut coming = JoinSet::new();
    for number in 0..COMERS {
        ticks.tick().await;
        let (door, room) = (door.clone(), format!("join-{}", number / ROOM));
        let is_first = number % ROOM == 0;
        coming.spawn(async move {
            let mut person = Person::connect(&door).await?;
            let begun = Instant::now();
            person.enter(&room, is_first).await?;
            anyhow::Ok((begun.elapsed(), person))
        });
    }
    let mut people = Vec::new();
    let mut times = Vec::new();
    while let Some(come) = coming.join_next().await {
        let (time, person) = come??;
        times.push(time.as_secs_f64() * 1000.0);
        people.push(person);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get(((times.len() - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    println!(
        "join: {COMERS} people, {COMING} a second, rooms of {ROOM}: median {:.2} ms, p99 {:.2} ms",
        at(0.5),
        at(0.99)
    );
    Ok(())
}

/// How many words the server relays in a second of a processor.
async fn relay(door: &Door, server: Process) -> Result<()> {
    let mut people = Vec::new();
    for pair in 0..TALKERS / 2 {
        let room = format!("relay-{pair}");
        let mut one = Person::connect(door).await?;
        one.enter(&room, true).await?;
        let mut two = Person::connect(door).await?;
        two.enter(&room, false).await?;
        one.meet().await?;
        people.extend([one, two]);
    }
    let (before, begun) = (server.processor_time()?, Instant::now());
    let mut talking = JoinSet::new();
    people.into_iter().for_each(|person| drop(talking.spawn(person.talk(WORDS, WORD, begun + TALK))));
    count("relay", talking, server, before, begun).await
}

/// The same for pages that were written for signalmaster.
async fn relay_for_pages(door: &Door, server: Process) -> Result<()> {
    let mut pages = Vec::new();
    for pair in 0..TALKERS / 2 {
        let room = format!("pages-{pair}");
        let (mut one, mut two) = (Page::connect(door).await?, Page::connect(door).await?);
        one.join(&room).await?;
        two.join(&room).await?;
        let (id, other) = (one.id.clone(), two.id.clone());
        pages.extend([(one, other), (two, id)]);
    }
    let (before, begun) = (server.processor_time()?, Instant::now());
    let mut talking = JoinSet::new();
    pages.into_iter().for_each(|(page, to)| drop(talking.spawn(page.talk(to, WORDS, WORD, begun + TALK))));
    count("relay for older pages", talking, server, before, begun).await
}

/// Says what was heard, and at what price.
async fn count(
    what: &str,
    mut talking: JoinSet<Result<u64>>,
    server: Process,
    before: Duration,
    begun: Instant,
) -> Result<()> {
    let mut heard = 0;
    while let Some(talked) = talking.join_next().await {
        heard += talked??;
    }
    let (wall, used) = (begun.elapsed(), server.processor_time()? - before);
    println!(
        "{what}: {heard} messages of {WORD} bytes in {:.1} s, {:.2} s of processor time: {:.0} a processor second",
        wall.as_secs_f64(),
        used.as_secs_f64(),
        heard as f64 / used.as_secs_f64()
    );
    ensure!(heard > 0, "nothing was relayed");
    Ok(())
}

async fn person(door: Door) -> Result<Person> {
    Person::connect(&door).await
}

async fn page(door: Door) -> Result<Page> {
    Page::connect(&door).await
}

/// How much memory somebody takes who is merely there.
async fn idle<T, F>(door: &Door, server: Process, who: &str, connect: fn(Door) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let before = server.memory()?;
    let mut coming = JoinSet::new();
    let mut people = Vec::new();
    for _ in 0..IDLE {
        coming.spawn(connect(door.clone()));
        if coming.len() >= 64 {
            people.extend(coming.join_next().await.transpose()?.transpose()?);
        }
    }
    while let Some(come) = coming.join_next().await {
        people.push(come??);
    }
    sleep_until((Instant::now() + Duration::from_secs(3)).into()).await;
    let used = server.memory()?.saturating_sub(before);
    println!("idle: {} {who} held, {:.1} kB each", people.len(), used as f64 / 1000.0 / people.len() as f64);
    ensure!(people.len() == IDLE, "only {} could be held", people.len());
    Ok(people)
}
