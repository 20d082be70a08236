//! Where a request may be processed: what its task and its key demand, beside what is said of each provider.
//!
//! A place may take a request if every region that it processes in is one that each demand allows. A place of which
//! nothing is said lies nowhere, and takes no request that must stay somewhere. What may not be asked is taken out
//! before anything is reserved or chosen, so that no retry, hedge, escalation or second phase can reach it.
//!
//! What never happens here: a guess from an address, or a request that leaves its region because nobody else answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use steersman_core::{Code, ProviderName};

use crate::catalog::Candidate;
use crate::engine::Engine;
use crate::prepare::Prepared;
use crate::recording::Recording;
use crate::refusal::Refusal;
use crate::reply::Inbound;

/// The region of what never leaves this machine: it meets every demand.
const HERE: &str = "local";

/// What is said of providers, and what tasks demand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Regions {
    /// Where each provider processes what it is sent; it may be in any of these.
    pub providers: BTreeMap<String, Vec<String>>,
    /// Where requests of a task may be processed.
    pub tasks: BTreeMap<String, Vec<String>>,
}

/// Lists of regions, each of which must be met: the task's, the key's.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Demand {
    demanded: Vec<Vec<String>>,
    #[serde(skip)]
    known: Arc<Regions>,
}

impl Regions {
    /// Whether a provider may process what these lists demand.
    #[must_use]
    pub fn meet(&self, demanded: &[Vec<String>], provider: &ProviderName) -> bool {
        let places = self.providers.get(provider.as_str()).map_or(&[][..], Vec::as_slice);
        let allowed =
            |place: &String| place == HERE || demanded.iter().all(|list| list.iter().any(|r| is_in(place, r)));
        demanded.is_empty() || !places.is_empty() && places.iter().all(allowed)
    }

    /// A candidate with those of its places that meet the lists; `None` if none does.
    #[must_use]
    pub fn keep(&self, demanded: &[Vec<String>], candidate: &Candidate) -> Option<Candidate> {
        candidate.at(|place| self.meet(demanded, place))
    }
}

impl Candidate {
    /// The same with those of its places that are good; `None` if none is.
    #[must_use]
    pub fn at(&self, good: impl Fn(&ProviderName) -> bool) -> Option<Self> {
        if self.deployments.is_empty() {
            return good(&self.provider.name).then(|| self.clone());
        }
        let places: Vec<_> = self.deployments.iter().filter(|place| good(&place.provider.name)).cloned().collect();
        let first = places.first()?;
        let (provider, model) = (Arc::clone(&first.provider), first.model.clone());
        Some(Self { provider, model, deployments: places.into(), ..self.clone() })
    }
}

/// `eu-central-1` lies in `eu`.
fn is_in(place: &str, region: &str) -> bool {
    place.strip_prefix(region).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

impl Demand {
    /// The candidate as far as it may be asked.
    pub(crate) fn keep(&self, candidate: &Candidate) -> Option<Candidate> {
        self.known.keep(&self.demanded, candidate)
    }

    /// The regions, for a sentence.
    pub(crate) fn words(&self) -> String {
        let lists: Vec<String> = self.demanded.iter().map(|list| list.join(" or ")).collect();
        lists.join(", and in ")
    }

    /// Takes out what may not process the request.
    pub(crate) fn confine(self, prepared: &mut Prepared) -> Result<(), Refusal> {
        prepared.candidates = prepared.candidates.iter().filter_map(|candidate| self.keep(candidate)).collect();
        if prepared.candidates.is_empty() {
            return Err(self.refusal(prepared.asked.as_str()));
        }
        prepared.demand = Some(self);
        Ok(())
    }

    fn refusal(&self, asked: &str) -> Refusal {
        let message = format!("no place that serves `{asked}` is known to process requests in {}", self.words());
        Refusal::new(Code::REGION_NOT_SERVED, message).param("model")
    }
}

impl Engine {
    /// With regions of providers and demands of tasks.
    #[must_use]
    pub fn within(mut self, regions: Regions) -> Self {
        self.regions = Arc::new(regions);
        self
    }

    /// What a request's task and key demand; `None` if neither demands anything.
    pub(crate) fn demand(&self, inbound: &Inbound, task: Option<&str>) -> Option<Demand> {
        let of_task = task.and_then(|task| self.regions.tasks.get(task)).cloned();
        let of_key = self.admit.regions_of(inbound.credential.as_ref());
        let demanded: Vec<Vec<String>> = of_task.into_iter().chain(of_key).filter(|list| !list.is_empty()).collect();
        (!demanded.is_empty()).then(|| Demand { demanded, known: Arc::clone(&self.regions) })
    }

    /// Takes out what may not process the request, and writes down what was demanded and who was left out.
    pub(crate) fn stay_in_region(
        &self,
        inbound: &Inbound,
        prepared: &mut Prepared,
        recording: &mut Recording,
    ) -> Result<(), Refusal> {
        let Some(demand) = self.demand(inbound, Some(prepared.task.as_str())) else { return Ok(()) };
        let lost = |whole: &Candidate| lost(whole, demand.keep(whole).as_ref());
        let left_out: Vec<String> = prepared.candidates.iter().flat_map(lost).collect();
        let names = self.regions.providers.keys();
        let met_by: Vec<&String> =
            names.filter(|name| self.regions.meet(&demand.demanded, &name.as_str().into())).collect();
        let said = serde_json::json!({ "demanded": demand.demanded, "met_by": met_by, "left_out": left_out });
        recording.note("region", &said);
        demand.confine(prepared)
    }

    /// The same for a call that is passed through unread.
    pub(crate) fn stays_in_region(&self, inbound: &Inbound, candidate: &Candidate) -> Result<(), Refusal> {
        let demand = self.demand(inbound, inbound.task.as_deref());
        match demand.filter(|demand| !demand.known.meet(&demand.demanded, &candidate.provider.name)) {
            Some(demand) => Err(demand.refusal(&format!("{}/{}", candidate.provider.name, candidate.model))),
            None => Ok(()),
        }
    }
}

/// Which places of a candidate were taken out.
fn lost(whole: &Candidate, kept: Option<&Candidate>) -> Vec<String> {
    let name = |provider: &ProviderName, model: &steersman_core::ModelName| format!("{provider}/{model}");
    let names = |candidate: &Candidate| -> Vec<String> {
        let own = candidate.deployments.is_empty().then(|| name(&candidate.provider.name, &candidate.model));
        own.into_iter()
            .chain(candidate.deployments.iter().map(|place| name(&place.provider.name, &place.model)))
            .collect()
    };
    let kept = kept.map(names).unwrap_or_default();
    names(whole).into_iter().filter(|name| !kept.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admit::{Admit, KeyRing, KeyRules};

    #[test]
    fn what_a_key_began_stays_in_its_regions_when_the_key_is_revoked() {
        let (secret, admit) = (steersman_core::ContentHash::of(b"secret"), Admit::default());
        let rules = KeyRules { id: "key_1".to_owned(), regions: vec!["eu".to_owned()], ..KeyRules::default() };
        admit.replace_keys(KeyRing { good: vec![(secret, rules)], guarded: true });
        admit.replace_keys(KeyRing { good: Vec::new(), guarded: true });
        assert_eq!(admit.regions_of(Some(&secret)), Some(vec!["eu".to_owned()]));
        assert_eq!(admit.regions_of(Some(&steersman_core::ContentHash::of(b"another"))), None);
    }

    #[test]
    fn a_place_meets_a_demand_where_all_its_regions_do_and_silence_meets_none() {
        let said = [
            ("bedrock", &["eu-central-1"][..]),
            ("spread", &["eu", "us"]),
            ("here", &["local"]),
            ("europe", &["europe-west4"]),
        ];
        let owned = |list: &[&str]| list.iter().map(|region| (*region).to_owned()).collect::<Vec<_>>();
        let providers = said.iter().map(|(name, places)| ((*name).to_owned(), owned(places))).collect();
        let regions = Regions { providers, ..Regions::default() };
        let meets = |demanded: &[&[&str]]| -> Vec<&str> {
            let demanded: Vec<Vec<String>> = demanded.iter().map(|list| owned(list)).collect();
            let names = ["bedrock", "spread", "here", "europe", "silent"];
            names.into_iter().filter(|name| regions.meet(&demanded, &(*name).into())).collect()
        };
        assert_eq!(meets(&[]), ["bedrock", "spread", "here", "europe", "silent"]);
        assert_eq!(meets(&[&["eu"]]), ["bedrock", "here"]);
        assert_eq!(meets(&[&["eu", "us"]]), ["bedrock", "spread", "here"]);
        assert_eq!(meets(&[&["eu", "us"], &["us"]]), ["here"], "each list must be met");
    }
}
