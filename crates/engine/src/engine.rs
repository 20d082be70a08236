//! The pipeline's parts, and how they are put together.
//!
//! A part that is not given is absent, and its step does nothing. A reload builds another engine from the new
//! configuration and takes over what must outlive it: places, responses, answers that are kept, the room in which tools
//! run.
//!
//! What never happens here: nothing happens to a request; that is `pipeline.rs`, top to bottom.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use steersman_core::{Recorder, TaskName};

use crate::act::{AgentTask, ToolRoom};
use crate::admit::{Admit, AdmitSettings};
use crate::backoff::Backoff;
use crate::cache::{Cache, CacheSettings};
use crate::catalog::Catalog;
use crate::forms::{FormSettings, Forms};
use crate::guard::{Approvals, GuardMode, GuardRoom, GuardSettings};
use crate::health::Places;
use crate::reader::ReaderSettings;
use crate::region::Regions;
use crate::resilience::{Bearing, Resilience};
use crate::route::{RouteTask, Routes};
use crate::stored::ResponseBook;

/// Limits of the pipeline.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// From sending a request to the first byte of the answer's body.
    pub first_token: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For a whole request, retries included.
    pub total: Duration,
    /// How often one request may be tried in all.
    pub attempts: u32,
    /// Pauses between attempts.
    pub backoff: Backoff,
}

/// The pipeline and what it needs. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) routes: Arc<Routes>,
    pub(crate) regions: Arc<Regions>,
    pub(crate) escalates: bool,
    pub(crate) responses: Option<Arc<dyn ResponseBook>>,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) cache_settings: Arc<CacheSettings>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) settings: Settings,
    pub(crate) forms: Arc<Forms>,
    pub(crate) guard: Arc<GuardRoom>,
    pub(crate) tools: Option<Arc<ToolRoom>>,
    pub(crate) agents: Arc<BTreeMap<String, AgentTask>>,
    pub(crate) approvals: Option<Arc<dyn Approvals>>,
    pub(crate) readers: Arc<ReaderSettings>,
    pub(crate) recorder: Arc<dyn Recorder>,
    pub(crate) bearing: Arc<Bearing>,
    pub(crate) admit: Arc<Admit>,
    pub(crate) admit_settings: Arc<AdmitSettings>,
}

impl Engine {
    /// A pipeline over these models.
    #[must_use]
    pub fn new(catalog: Catalog, settings: Settings, recorder: Arc<dyn Recorder>) -> Self {
        let bearing = Arc::new(Bearing::new(Resilience::default(), None));
        let (catalog, forms, guard, routes) = (Arc::new(catalog), Arc::default(), Arc::default(), Arc::default());
        let (tools, approvals, responses, escalates) = (None, None, None, true);
        let (admit, admit_settings) = (Arc::default(), Arc::default());
        let (cache, cache_settings, agents, readers) = (None, Arc::default(), Arc::default(), Arc::default());
        let regions = Arc::default();
        Self {
            catalog,
            settings,
            forms,
            guard,
            routes,
            regions,
            tools,
            agents,
            approvals,
            readers,
            escalates,
            responses,
            cache,
            cache_settings,
            recorder,
            bearing,
            admit,
            admit_settings,
        }
    }

    /// With keys, limits and budgets.
    #[must_use]
    pub fn admitting(mut self, admit: Arc<Admit>, settings: AdmitSettings) -> Self {
        (self.admit, self.admit_settings) = (admit, Arc::new(settings));
        self
    }

    /// The same pipeline, whose records go elsewhere.
    #[must_use]
    pub fn recorded_by(mut self, recorder: Arc<dyn Recorder>) -> Self {
        self.recorder = recorder;
        self
    }

    /// The dialect in which a provider is asked what came as an OpenAI chat request; `None` if it serves no listed
    /// model.
    #[must_use]
    pub fn dialect_of(&self, provider: &steersman_core::ProviderName) -> Option<&'static dyn steersman_wire::Dialect> {
        let (_, candidate) = self.catalog.models().find(|(_, candidate)| candidate.provider.name == *provider)?;
        Some(candidate.provider.dialect_for(&steersman_wire::openai_chat::OpenAiChat))
    }

    /// Where records go.
    #[must_use]
    pub const fn recorder(&self) -> &Arc<dyn Recorder> {
        &self.recorder
    }

    /// Keys, limits and budgets.
    #[must_use]
    pub const fn admit(&self) -> &Arc<Admit> {
        &self.admit
    }

    /// With a guard around tool calls.
    #[must_use]
    pub fn with_guard(mut self, settings: GuardSettings) -> Self {
        self.guard = Arc::new(GuardRoom::new(settings));
        self
    }

    /// With a keeper of what the guard asks a person about.
    #[must_use]
    pub fn with_approvals(mut self, approvals: Arc<dyn Approvals>) -> Self {
        self.approvals = Some(approvals);
        self
    }

    /// With a room in which tools run.
    #[must_use]
    pub fn with_tools(mut self, room: Arc<ToolRoom>) -> Self {
        self.tools = Some(room);
        self
    }

    /// With tools that it runs itself for these tasks, by name, once there is a room.
    #[must_use]
    pub fn with_agents(mut self, tasks: BTreeMap<String, AgentTask>) -> Self {
        self.agents = Arc::new(tasks);
        self
    }

    /// With readers between runs and what others wrote.
    #[must_use]
    pub fn with_readers(mut self, settings: ReaderSettings) -> Self {
        self.readers = Arc::new(settings);
        self
    }

    /// What a task may do with tools, if it has some.
    pub(crate) fn agent(&self, task: &TaskName) -> Option<&AgentTask> {
        self.tools.as_ref().and_then(|_| self.agents.get(task.as_str()))
    }

    /// With policies for answers that have a form to keep. What is remembered of repairs is taken over from `before`.
    #[must_use]
    pub fn with_forms(mut self, settings: FormSettings, before: Option<&Self>) -> Self {
        self.forms = Arc::new(Forms::new(settings, before.map(|before| &*before.forms)));
        self
    }

    /// The guard's mode for tasks that say nothing else.
    #[must_use]
    pub fn guard_mode(&self) -> GuardMode {
        self.guard.mode()
    }

    /// Bears failure like this. What is known of places, and of objectives until they are set anew, is taken over from
    /// `before`, where there is one.
    #[must_use]
    pub fn resilient(mut self, resilience: Resilience, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            self.routes = Arc::clone(&before.routes);
            self.responses.clone_from(&before.responses);
            self.cache.clone_from(&before.cache);
            self.tools.clone_from(&before.tools);
            self.approvals.clone_from(&before.approvals);
        }
        let places = before.map(|before| Arc::clone(&before.bearing.places));
        self.bearing = Arc::new(Bearing::new(resilience, places));
        self
    }

    /// How each place that was called is doing.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.bearing.places
    }

    pub(crate) fn bearing(&self) -> &Bearing {
        &self.bearing
    }

    /// With objectives for some tasks.
    #[must_use]
    pub fn with_routes(mut self, routes: Routes) -> Self {
        self.routes = Arc::new(routes);
        self
    }

    /// With these tasks in place of those that it had an objective for. What is known of conversations stays.
    #[must_use]
    pub fn rerouted(mut self, tasks: BTreeMap<String, RouteTask>) -> Self {
        self.routes = Arc::new(self.routes.with_tasks(tasks));
        self
    }

    /// Cuts the loop from a failed validation to the next candidate, for the test that must fail without it.
    #[doc(hidden)]
    #[must_use]
    pub const fn without_escalation(mut self) -> Self {
        self.escalates = false;
        self
    }

    /// All models, providers and tasks.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// With a place for the responses that clients go on from.
    #[must_use]
    pub fn with_responses(mut self, book: Arc<dyn ResponseBook>) -> Self {
        self.responses = Some(book);
        self
    }
}
