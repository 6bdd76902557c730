//! Takes the result of the same work from an earlier agent, and remembers results for later ones.
//!
//! What is the same work is decided here, and with care: a result is stored only if everything that could have made it another
//! one is in its key, was the same before and after the agent ran, and the agent succeeded. It is taken only if it is still
//! there, unchanged, readable, and no less sensitive than what would be made now.

use std::{
    collections::BTreeSet,
    io::Read as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{AgentRunner, ending::outcome_of, shared::speaks_of_it};
use crate::{
    agents::AgentKind,
    cache::{CacheEntry, CacheKey, CacheSecret, Ingredients, ResultCache},
    content::Content,
    drive::{Halt, Start},
    hash::Hasher,
    money::Usd,
    outcome::AgentOutcome,
    prompt::{self, Piece},
    refs::{Classification, Ref, RefError},
    runtime::{Launch, Program},
    scopes::Bounds,
    spec::{AgentSpec, Sandbox},
    swarm::Notice,
};

/// How many agents of a run are compared at the same time. It is work for the disk.
const AT_ONCE: usize = 2;
/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// What the agents of one run share.
#[derive(Default)]
pub(crate) struct Caching {
    cache: Option<Arc<dyn ResultCache>>,
    /// Is told why an agent is not cached.
    pub(crate) notice: Option<Notice>,
    told: Mutex<BTreeSet<String>>,
    turns: Turns,
    #[cfg(feature = "process")]
    trees: crate::cache::Trees,
}

struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Caching {
    pub(crate) fn new(cache: Option<Arc<dyn ResultCache>>) -> Self {
        Self {
            cache,
            ..Self::default()
        }
    }
}

/// The work of an agent, if it can be compared.
pub(super) struct Work {
    key: CacheKey,
    /// What the runtime says of the program.
    identity: String,
}

/// One part of a prompt, and how many bytes of it count.
struct Part {
    content: Content,
    most: u64,
}

/// What came of looking for a stored result.
pub(super) enum Looked {
    /// There is one.
    Found(AgentOutcome),
    /// There is none. If the agent succeeds, its result may be stored.
    Absent(Option<Work>),
}

impl AgentRunner {
    /// Looks for a stored result of the same work, if the agent asks for that and was not started before.
    pub(super) async fn look_up(
        &self,
        (start, bounds): (&Start, &Bounds),
        kind: &'static dyn AgentKind,
        launch: Launch,
        halt: &Halt,
    ) -> Looked {
        let is_asked = start.spec.sandbox.cache && launch != Launch::TakeOver;
        if !is_asked || halt.token().is_cancelled() {
            return Looked::Absent(None);
        }
        let looking = async {
            let _turn = self.caching.turns.0.acquire().await;
            let work = match self.work(start, kind).await {
                Ok(work) => work,
                Err(reason) => {
                    self.say(start, &reason);
                    return Looked::Absent(None);
                }
            };
            // One that was started before has cost something: it runs to an end of its own, that tells how much.
            if launch != Launch::New {
                return Looked::Absent(Some(work));
            }
            match self.stored(&work.key, start, bounds).await {
                Ok(Some(found)) => Looked::Found(taken(found)),
                Ok(None) => Looked::Absent(Some(work)),
                Err(error) => {
                    self.say(start, &format!("the cache cannot be read: {error}"));
                    Looked::Absent(None)
                }
            }
        };
        tokio::select! {
            biased;
            () = halt.token().cancelled() => Looked::Absent(None),
            looked = looking => looked,
        }
    }

    /// Stores what came of an agent, if it succeeded and what it was made from has not changed meanwhile.
    pub(super) async fn keep_for_others(
        &self,
        work: Option<Work>,
        start: &Start,
        kind: &'static dyn AgentKind,
        outcome: &AgentOutcome,
    ) {
        let (Some(before), Some(cache)) = (work, &self.caching.cache) else {
            return;
        };
        let Some(result) = outcome
            .result
            .as_ref()
            .filter(|_| outcome.exit.is_success())
        else {
            return;
        };
        let kept = async {
            let _turn = self.caching.turns.0.acquire().await;
            let now = self.work(start, kind).await?;
            let found = self.store.get(result).await.map_err(shown)?;
            // The name of an image may have stood for another one when the container was made.
            let image = found.stamps.image.as_ref();
            let is_other = image.is_some_and(|image| image.digest != before.identity);
            if now.key != before.key || is_other {
                return Err("what it was made from was changed while it ran".to_owned());
            }
            let Some(provenance) = &found.stamps.provenance else {
                return Err("its result has no provenance".to_owned());
            };
            let text = self.store.text(result).await.map_err(shown)?;
            let entry = CacheEntry {
                result: result.clone(),
                text: hash_text(text).await.map_err(shown)?,
                provenance: provenance.hash.clone(),
            };
            cache.keep(&before.key, entry).await.map_err(shown)
        };
        if let Err(reason) = kept.await {
            self.say(start, &reason);
        }
    }

    /// The result that is stored under `key`, if it will do.
    async fn stored(
        &self,
        key: &CacheKey,
        start: &Start,
        bounds: &Bounds,
    ) -> Result<Option<Ref>, RefError> {
        let Some(cache) = &self.caching.cache else {
            return Ok(None);
        };
        let Some(entry) = cache.find(key).await? else {
            return Ok(None);
        };
        let Ok(found) = self.store.get(&entry.result).await else {
            return Ok(None);
        };
        let provenance = found.stamps.provenance.as_ref();
        let is_same = provenance.is_some_and(|provenance| provenance.hash == entry.provenance);
        if !is_same || !found.is_success() || found.stamps.encrypted.is_some() {
            return Ok(None);
        }
        if !covers(&found, bounds.classification.clone()) {
            return Ok(None);
        }
        // Texts may be alike and come from more sensitive results than then.
        for parent in prompt::parents(&prompt::compose(&start.spec.prompt, &start.context)) {
            let parent = self.store.get(&parent).await?;
            if !covers(&found, parent.stamps.classification) {
                return Ok(None);
            }
        }
        let Ok(text) = self.store.text(&entry.result).await else {
            return Ok(None);
        };
        let is_same = hash_text(text).await.is_ok_and(|hash| hash == entry.text);
        Ok(is_same.then_some(found))
    }

    /// Everything that makes the result of an agent what it is; an error says why that cannot be known.
    async fn work(&self, start: &Start, kind: &'static dyn AgentKind) -> Result<Work, String> {
        let spec = start.spec.as_ref();
        if let Some(reason) = uncacheable(&spec.sandbox) {
            return Err(reason);
        }
        if start.shared && speaks_of_it(spec) {
            return Err(
                "it uses the shared folder, which may have changed or would have to change"
                    .to_owned(),
            );
        }
        let Some(cache) = &self.caching.cache else {
            return Err("there is no cache".to_owned());
        };
        let invocation = kind.invocation(spec);
        let program = Program {
            kind: kind.name(),
            invocation: &invocation,
            sandbox: &spec.sandbox,
        };
        let identity = self.runtime.identity(&program).await.map_err(shown)?;
        let Some(identity) = identity else {
            return Err(
                "nobody can tell which program it would start: its image is not there yet, its program is not found by \
                 name or absolute path, or the run is recorded or replayed"
                    .to_owned(),
            );
        };
        let secret = cache.secret().await.map_err(shown)?;
        let prompt = self.prompt_of(start).await.map_err(shown)?;
        let mut known = Ingredients::default();
        known.add("runtime", self.runtime.name());
        known.add("program", &identity);
        known.add("spec", spec.digest());
        // A newer swarm may start the same program in another way.
        known.add("argv", invocation.argv.join("\0"));
        for (name, text) in &invocation.home {
            known.add(format!("home {name}"), text);
        }
        // What is read out of its answer is kept with it.
        known.add(
            "reading",
            serde_json::to_string(&start.reading).map_err(shown)?,
        );
        // Who is asked the same to get another answer must not be given the first one. The first is as good as one alone.
        if start.alternative.iter().any(|number| *number > 0) {
            known.add("alternative", format!("{:?}", start.alternative));
        }
        for (name, value) in spec.sandbox.env_vars.iter() {
            known.add(format!("variable {name}"), value);
        }
        let key = self.key_of(known, prompt, spec, secret).await?;
        Ok(Work { key, identity })
    }

    /// Reads what may be large, where that may block.
    async fn key_of(
        &self,
        mut known: Ingredients,
        prompt: Vec<Part>,
        spec: &AgentSpec,
        secret: CacheSecret,
    ) -> Result<CacheKey, String> {
        let mounts: Vec<(String, PathBuf)> = spec
            .sandbox
            .mounts
            .iter()
            .map(|mount| {
                (
                    mount.container_path.clone(),
                    PathBuf::from(&mount.host_path),
                )
            })
            .collect();
        #[cfg(feature = "process")]
        let trees = self.caching.trees.clone();
        let hashed = spawn_blocking(move || {
            for (i, part) in prompt.iter().enumerate() {
                let hash = hash_of(&part.content, part.most).map_err(shown)?;
                known.add(format!("prompt {i} {}", part.most), hash);
            }
            for (inside, source) in mounts {
                #[cfg(feature = "process")]
                let hash = trees.hash(&source);
                #[cfg(not(feature = "process"))]
                let hash: Result<String, String> = Err(format!(
                    "{}: folders are not compared here",
                    source.display()
                ));
                known.add(
                    format!("mount {inside}"),
                    hash.map_err(|problem| format!("its mount cannot be compared: {problem}"))?,
                );
            }
            Ok(known.key(&secret))
        });
        hashed.await.map_err(shown)?
    }

    /// All that the prompt of the agent would be made of, of which nothing is in memory if it is large.
    async fn prompt_of(&self, start: &Start) -> Result<Vec<Part>, RefError> {
        let mut parts = Vec::new();
        for piece in prompt::compose(&prompt::task(&start.spec), &start.context) {
            let text = match &piece {
                Piece::Text(text) => text.clone(),
                // What a fence is around follows from the whole.
                Piece::Result(id) | Piece::Unfenced(id) | Piece::Excerpt { id, .. } => {
                    let chars = match piece {
                        Piece::Excerpt { chars, .. } => Some(u64::from(chars)),
                        _ => None,
                    };
                    parts.push(Part {
                        content: self.store.text(id).await?,
                        // No character has more bytes; what comes after them says only whether there is more.
                        most: chars.map_or(u64::MAX, |chars| chars * 4 + 4),
                    });
                    continue;
                }
                Piece::Error(id) => self.store.get(id).await?.error.unwrap_or_default(),
                Piece::Words(id) => prompt::words(&self.store.get(id).await?),
                Piece::ContentHash(id) => {
                    prompt::content_hash(&self.store.get(id).await?).to_owned()
                }
            };
            parts.push(Part {
                content: Content::from(text.into_bytes()),
                most: u64::MAX,
            });
        }
        Ok(parts)
    }

    /// Says once why agents are not cached.
    fn say(&self, start: &Start, reason: &str) {
        tracing::debug!(agent = %start.agent, reason, "not cached");
        let caching = &self.caching;
        let mut told = caching.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told.insert(reason.to_owned());
        drop(told);
        if let Some(notice) = caching.notice.as_ref().filter(|_| is_new) {
            notice(&format!("{} is not cached: {reason}", start.agent));
        }
    }
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The end of an agent whose result another one has made.
fn taken(found: Ref) -> AgentOutcome {
    AgentOutcome {
        cost: Some(Usd::ZERO),
        duration: Duration::ZERO,
        cached: true,
        ..outcome_of(found)
    }
}

/// Why the result of an agent in this sandbox depends on more than can be compared, or is not all that it does.
fn uncacheable(sandbox: &Sandbox) -> Option<String> {
    if !sandbox.mcps.is_empty() {
        return Some("it has MCP servers, which may answer differently each time".to_owned());
    }
    let writable = sandbox.mounts.iter().find(|mount| !mount.readonly)?;
    Some(format!(
        "it may write to {}, and what it writes there is not part of its result; mount that read-only",
        writable.host_path
    ))
}

/// Whether `found` is at least as sensitive as `parent`, and seen by no more.
fn covers(found: &Ref, parent: Option<Classification>) -> bool {
    let Some(parent) = parent else {
        return true;
    };
    let own = found.stamps.classification.clone().unwrap_or_default();
    let both = own.clone().combined(parent.clone());
    let denied = |mcp: &String| own.denied_mcps.contains(mcp);
    both.level == own.level
        && both.allowed_mcps == own.allowed_mcps
        && parent.denied_mcps.iter().all(denied)
}

async fn hash_text(text: Content) -> Result<String, String> {
    let hashed = spawn_blocking(move || hash_of(&text, u64::MAX));
    hashed.await.map_err(shown)?.map_err(shown)
}

/// SHA-256 of the beginning of a text.
fn hash_of(text: &Content, most: u64) -> std::io::Result<String> {
    let mut hasher = Hasher::new();
    let mut text = text.open()?.take(most);
    let mut chunk = vec![0; CHUNK];
    loop {
        match text.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => hasher.add(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
