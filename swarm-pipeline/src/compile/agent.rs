//! In which sandbox an agent runs.

use std::time::Duration;

use swarm_core::{
    error_code::{Coded as _, ErrorCode},
    spec::{Agent, AgentSpec, SandboxSpec, SpecError},
    types::TypeError,
};

use super::{Compiler, Notes, Scope};
use crate::{
    definition::{Definition, SandboxChoice, Setting},
    evaluator::{Unfit, without_suggestion},
    place::Place,
    surroundings::NotFound,
};

/// The model of a governor that is a `claude`.
const SMALL_MODEL: &str = "haiku";

/// What holds for the agents of a work.
#[derive(Clone, Debug)]
pub(super) struct Env {
    pub(super) spec: SandboxSpec,
    state: State,
}

/// Whether it can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fine,
    /// A sandbox was not found, which was said: nothing is known of what it would have decided.
    Lacking,
    /// Something in it is wrong, which was said.
    Broken,
}

impl Env {
    /// The same with something that differs.
    pub(super) fn with(&self, differs: SandboxSpec) -> Self {
        Self {
            spec: self.spec.clone().overridden_by(differs),
            state: self.state,
        }
    }
}

/// The error without its suggestion, which is told on its own.
fn unfit(error: SpecError) -> Unfit {
    let code = error.code();
    let (error, suggestion) = match error {
        SpecError::UnknownSandbox {
            name,
            searched,
            suggestion,
        } => {
            let error = SpecError::UnknownSandbox {
                name,
                searched,
                suggestion: None,
            };
            (error, suggestion)
        }
        SpecError::UnknownAgent {
            name,
            known,
            suggestion,
        } => {
            let error = SpecError::UnknownAgent {
                name,
                known,
                suggestion: None,
            };
            (error, suggestion)
        }
        other => (other, None),
    };
    Unfit {
        code,
        message: error.to_string(),
        suggestion,
    }
}

impl From<NotFound> for Unfit {
    fn from(error: NotFound) -> Self {
        Self {
            code: error.code,
            message: error.message,
            suggestion: error.suggestion,
        }
    }
}

impl Compiler<'_> {
    /// What the sandboxes and governors of a definition say must make sense, used or not.
    pub(super) fn check_own(scope: &Scope<'_>, place: &Place<'_>, notes: &mut Notes<'_>) {
        let sandboxes = place.key("sandboxes");
        for (name, spec) in scope.sandboxes() {
            Self::check(spec, &sandboxes.key(name), notes);
        }
        let governors = place.key("governors");
        for (name, text) in scope.governors() {
            if let Err(error) = Self::governor_agent(text) {
                notes.unfit(&governors.key(name), &error);
            }
        }
    }

    /// Whether a sandbox makes sense by itself. Which agent runs in it may be said elsewhere.
    fn check(spec: &SandboxSpec, place: &Place<'_>, notes: &mut Notes<'_>) -> bool {
        match spec.clone().resolve() {
            Ok(_) => true,
            Err(error) => {
                notes.unfit(place, &unfit(error));
                false
            }
        }
    }

    /// What holds for the whole pipeline.
    pub(super) fn outermost(
        &mut self,
        definition: &Definition,
        scope: &mut Scope<'_>,
        place: &Place<'_>,
        notes: &mut Notes<'_>,
    ) -> Env {
        if scope.agent.is_none() {
            scope.agent = match scope.outer() {
                Some(outer) => outer.agent.clone(),
                None => self.around.agent.clone(),
            };
        }
        scope.judge = match &definition.judge {
            Some(judge) => self.sandbox(judge, scope, &place.key("judge"), notes),
            None => match scope.outer() {
                Some(outer) => outer.judge.clone(),
                None => Some(self.around.judge.clone()),
            },
        };
        let setting = Setting {
            sandbox: definition.sandbox.clone(),
            fields: SandboxSpec::default(),
        };
        let outside = Env {
            spec: SandboxSpec::default(),
            state: State::Fine,
        };
        let named = place.key("sandbox");
        self.within_setting(&setting, &outside, scope, (place, Some(&named)), notes)
    }

    /// What holds within a work.
    pub(super) fn env(
        &mut self,
        (setting, is_agent): (&Setting, bool),
        outer: &Env,
        scope: &mut Scope<'_>,
        place: &Place<'_>,
        notes: &mut Notes<'_>,
    ) -> Env {
        // That of a single agent is checked with it.
        let checked = (!is_agent).then_some(place);
        self.within_setting(setting, outer, scope, (place, checked), notes)
    }

    fn within_setting(
        &mut self,
        setting: &Setting,
        outer: &Env,
        scope: &mut Scope<'_>,
        (place, checked): (&Place<'_>, Option<&Place<'_>>),
        notes: &mut Notes<'_>,
    ) -> Env {
        if setting.is_empty() {
            return outer.clone();
        }
        let (base, mut state) = match &setting.sandbox {
            None => (outer.spec.clone(), outer.state),
            Some(choice) => match self.sandbox(choice, scope, &place.key("sandbox"), notes) {
                Some(found) => (found, State::Fine),
                None => (SandboxSpec::default(), State::Lacking),
            },
        };
        let spec = base.overridden_by(setting.fields.clone());
        if let Some(checked) = checked
            && state != State::Broken
            && !Self::check(&spec, checked, notes)
        {
            state = State::Broken;
        }
        Env { spec, state }
    }

    /// The sandbox that is chosen.
    fn sandbox(
        &mut self,
        choice: &SandboxChoice,
        scope: &mut Scope<'_>,
        place: &Place<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<SandboxSpec> {
        let name = match choice {
            SandboxChoice::Inline(spec) => return Some((**spec).clone()),
            SandboxChoice::Named(name) => name,
        };
        let found = match scope.sandbox(name) {
            Some(spec) => Ok(spec.clone()),
            None => self.around.sandboxes.sandbox(name),
        };
        match found {
            Ok(spec) => {
                scope.keep_sandbox(name, &spec);
                Some(spec)
            }
            Err(error) => {
                let mut error = unfit(error);
                if error.suggestion.is_none()
                    && error.code == ErrorCode::UnknownSandbox
                    && notes.suggests()
                {
                    let own = scope.sandboxes().keys().map(String::as_str);
                    error.suggestion = swarm_core::suggest::nearest(name, own).map(str::to_owned);
                }
                notes.unfit(place, &error);
                None
            }
        }
    }

    /// One agent.
    pub(super) fn agent(
        &mut self,
        prompt: &str,
        env: &Env,
        scope: &Scope<'_>,
        place: &Place<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<AgentSpec> {
        let mut spec = env.spec.clone();
        if spec.agent.is_none() {
            spec.agent.clone_from(&scope.agent);
        }
        let types = [
            ("input_type", spec.input_type.take()),
            ("output_type", spec.output_type.take()),
        ];
        let [input_type, output_type] = types.map(|(field, declared)| {
            declared.map(|text| {
                let written = self.declared(&text);
                if let Err(error) = &written {
                    notes.unfit(&place.key(field), error);
                }
                written.ok()
            })
        });
        let agent = match env.state {
            State::Broken => None,
            State::Fine | State::Lacking => match AgentSpec::new(prompt, spec) {
                Ok(agent) => Some(agent),
                // Perhaps the sandbox would have chosen one.
                Err(SpecError::NoAgent) if env.state == State::Lacking => None,
                Err(error) => {
                    notes.unfit(place, &unfit(error));
                    None
                }
            },
        };
        let mut agent = agent?;
        if let Some(declared) = input_type {
            agent.sandbox.input_type = Some(declared?);
        }
        if let Some(declared) = output_type {
            agent.sandbox.output_type = Some(declared?);
        }
        Some(agent)
    }

    /// A type with everything that it mentions. A single word must be the name of one.
    pub(super) fn declared(&mut self, declared: &str) -> Result<String, Unfit> {
        if let Some(known) = self.types.get(declared) {
            return known.clone();
        }
        let written = self.write_out(declared);
        self.types.insert(declared.to_owned(), written.clone());
        written
    }

    fn write_out(&self, declared: &str) -> Result<String, Unfit> {
        let told = |error: TypeError| {
            let code = error.code();
            let (message, suggestion) = without_suggestion(error);
            Unfit {
                code,
                message,
                suggestion,
            }
        };
        let word = declared.trim();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !word.is_empty() && word.bytes().all(is_word) {
            return self.around.types.definition(word).map_err(told);
        }
        let mut sandbox = SandboxSpec::default().resolve().map_err(unfit)?;
        sandbox.output_type = Some(declared.to_owned());
        self.around.types.write_out(&mut sandbox).map_err(told)?;
        Ok(sandbox.output_type.unwrap_or_default())
    }

    /// The sandbox of who judges: what is chosen here, or for the whole pipeline, or outside of it.
    pub(super) fn judge(
        &mut self,
        choice: Option<&SandboxChoice>,
        scope: &mut Scope<'_>,
        place: &Place<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<SandboxSpec> {
        match choice {
            Some(choice) => self.sandbox(choice, scope, &place.key("judge"), notes),
            None => scope.judge.clone(),
        }
    }
}

/// Somebody who only reads and answers: what is not said of it is as little as can be.
pub(super) fn helper(said: SandboxSpec, timeout: Duration) -> SandboxSpec {
    let claude = Agent::Named("claude".to_owned());
    let is_claude = said.agent.as_ref().is_none_or(|agent| *agent == claude);
    SandboxSpec {
        agent: Some(claude),
        model: is_claude.then(|| SMALL_MODEL.to_owned()),
        tools: Some(Vec::new()),
        timeout: Some(timeout),
        ..SandboxSpec::default()
    }
    .overridden_by(said)
}
