//! Hard filters: regions that nothing leaves, budgets that still pay what is proved.

use steersman_core::{Account, Bank, BankError, ContentHash};
use steersman_engine::{Admit, AdmitSettings, KeyRing, KeyRules, Regions};

use super::*;

#[tokio::test]
async fn a_request_that_must_stay_in_a_region_is_answered_there_or_not_at_all() {
    let places = |small: &str, big: &str| {
        let said = [("small", small), ("big", big)].map(|(name, region)| (name.to_owned(), vec![region.to_owned()]));
        Regions { providers: said.into(), tasks: [("t".to_owned(), vec!["eu".to_owned()])].into() }
    };
    let (engine, records) = house(600, "from the small one", None);
    let engine = engine.within(places("us-east-1", "eu-west-3"));
    let mut answered_below = 0;
    for number in 0..20 {
        let reply = ask(&engine, number, routed(&question(usize::from(number)))).await;
        assert_eq!((reply.status, header(&reply, "x-steersman-model")), (200, "big/big"));
        answered_below +=
            usize::from(header(&reply, "x-steersman-route").contains("`small` is not known to process requests in eu"));
    }
    assert!(answered_below >= 15, "{answered_below} of 20 would have gone to the small model");
    let engine = engine.within(places("us-east-1", "us-east-1"));
    let refused = ask(&engine, 30, routed(&question(1))).await;
    assert_eq!((refused.status, header(&refused, "x-steersman-code")), (403, "region_not_served"));
    let records = std::mem::take(&mut *records.0.lock().unwrap());
    assert!(records.iter().flat_map(|record| &record.attempts).all(|attempt| attempt.provider.as_str() == "big"));
    let told = note(&records[0], "route");
    assert_eq!((&told["left_out"][0]["arm"], &told["left_out"][0]["filter"]), (&"small".into(), &"region".into()));
    let told = note(records.last().unwrap(), "region");
    assert_eq!((&told["demanded"], &told["left_out"]), (&serde_json::json!([["eu"]]), &serde_json::json!(["big/big"])));
    assert!(records.last().unwrap().attempts.is_empty());
}

#[tokio::test]
async fn a_key_that_demands_a_region_holds_for_every_model_that_it_asks_for() {
    let (engine, _) = house(0, "from the small one", None);
    let said = [("small", "us"), ("big", "eu")].map(|(name, region)| (name.to_owned(), vec![region.to_owned()]));
    let secret = ContentHash::of(b"secret");
    let admit = Arc::new(Admit::default());
    let rules = KeyRules { id: "key_1".to_owned(), regions: vec!["eu".to_owned()], ..KeyRules::default() };
    admit.replace_keys(KeyRing { good: vec![(secret, rules)], guarded: true });
    let regions = Regions { providers: said.into(), tasks: [].into() };
    let engine = engine.admitting(admit, AdmitSettings::default()).within(regions);
    for (model, status) in [("small", 403), ("big", 200), ("task/t", 200)] {
        let body = serde_json::json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
        assert_eq!(
            engine.serve(Inbound { credential: Some(secret), ..inbound(1, &body) }).await.status,
            status,
            "{model}"
        );
        assert_eq!(engine.serve(inbound(1, &body)).await.status, 200, "{model} without a demand");
    }
}

/// Accounts of which nothing was used.
#[derive(Default)]
struct Purse(Mutex<std::collections::BTreeMap<Account, i64>>);

impl Bank for Purse {
    fn take(&self, account: Account, amount: Usd, cap: Usd) -> BoxFuture<'_, Result<bool, BankError>> {
        let mut accounts = self.0.lock().unwrap();
        let taken = accounts.entry(account).or_default();
        let enough = *taken + amount.nanos() <= cap.nanos();
        *taken += if enough { amount.nanos() } else { 0 };
        Box::pin(async move { Ok(enough) })
    }

    fn settle(&self, account: Account, released: Usd, used: Usd, _: Usd) -> BoxFuture<'_, Result<(), BankError>> {
        *self.0.lock().unwrap().entry(account).or_default() -= released.nanos() - used.nanos();
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn a_budget_that_is_nearly_spent_still_buys_what_is_proved_and_no_reference() {
    let price = |picos| Rates::flat(Price::from_picos(picos), Price::from_picos(picos));
    let rates: RateCard = [("small".to_owned(), price(1_000)), ("big".to_owned(), price(1_000_000))].into();
    // Some 4,200 tokens may be used: 4.2 millionths of a dollar there, 4.2 thousandths here.
    let key = |usd: f64| {
        let rules = KeyRules { id: "key_1".to_owned(), usd_total: Usd::from_decimal(usd), ..KeyRules::default() };
        let admit = Arc::new(Admit::new(Arc::new(Purse::default())));
        admit.replace_keys(KeyRing { good: vec![(ContentHash::of(b"secret"), rules)], guarded: true });
        admit
    };
    let serve = async |labels: usize, small: &'static str, usd: f64| {
        let catalog = priced_catalog(small, "from the big one", &rates);
        let (engine, records, _) = house_of(labels, catalog, None, Vec::new());
        let engine = engine.admitting(key(usd), AdmitSettings::default());
        let mut replies = Vec::new();
        for number in 0..20 {
            let inbound = inbound(number, &routed(&question(usize::from(number))));
            replies.push(engine.serve(Inbound { credential: Some(ContentHash::of(b"secret")), ..inbound }).await);
        }
        let asked = std::mem::take(&mut *records.0.lock().unwrap());
        (replies, asked)
    };
    let asks_big = |records: &[RequestRecord]| {
        records.iter().flat_map(|record| &record.attempts).any(|attempt| attempt.provider.as_str() == "big")
    };
    let (replies, records) = serve(600, "from the small one", 0.001).await;
    let small = replies.iter().filter(|reply| header(reply, "x-steersman-model") == "small/small").count();
    assert!(small >= 15, "{small} of 20");
    assert!(!asks_big(&records), "nothing that the budget does not cover");
    // What only the reference may answer is refused by the budget's name, and so is what the candidate could not
    // answer.
    let (replies, records) = serve(0, "from the small one", 0.001).await;
    assert!(replies.iter().all(|reply| (reply.status, header(reply, "x-steersman-code")) == (402, "budget_exceeded")));
    let ReplyBody::Whole(body) = &replies[0].body else { panic!("whole") };
    assert!(String::from_utf8_lossy(body).contains("this request needs `big` (collecting)"), "{body:?}");
    assert!(records.iter().all(|record| record.attempts.is_empty()));
    let (replies, records) = serve(600, "", 0.001).await;
    assert!(replies.iter().all(|reply| reply.status == 402) && !asks_big(&records));
    let (replies, _) = serve(600, "", 1.0).await;
    assert!(replies.iter().all(|reply| header(reply, "x-steersman-model") == "big/big"), "with money it goes up");
    let (replies, _) = serve(600, "from the small one", 0.000_001).await;
    assert!(replies.iter().all(|reply| reply.status == 402), "too little for anybody");
}

#[tokio::test]
async fn what_is_reserved_for_a_candidate_pays_for_nobody_that_is_asked_without_the_objective() {
    // The reference may not be asked, so no objective decides; the model behind it costs more than is left.
    let price = |picos| Rates::flat(Price::from_picos(picos), Price::from_picos(picos));
    let dear =
        ["small", "big", "dear"].map(|name| (name.to_owned(), price(if name == "small" { 1_000 } else { 1_000_000 })));
    let rates: RateCard = dear.into();
    let mut catalog = priced_catalog("from the small one", "from the big one", &rates);
    let says = Arc::new(Says("from the dear one"));
    catalog.add_provider(provider("dear", &rates, says), ["dear".to_owned()]);
    let arms = ["small", "big"].map(|name| (name.to_owned(), catalog.candidate(name).ok().unwrap())).into();
    let board = Arc::new(Board::default());
    board.post(objective(600).policy());
    let task = RouteTask { board, arms, answer: None, deadline: None, likelihood: false, limits: Vec::new() };
    catalog.add_task("t", vec!["big".to_owned(), "dear".to_owned()]);
    let said = ["small", "dear"].map(|name| (name.to_owned(), vec!["eu".to_owned()]));
    let regions = Regions { providers: said.into(), tasks: [("t".to_owned(), vec!["eu".to_owned()])].into() };
    let rules = KeyRules { id: "key_1".to_owned(), usd_total: Usd::from_decimal(0.001), ..KeyRules::default() };
    let admit = Arc::new(Admit::new(Arc::new(Purse::default())));
    admit.replace_keys(KeyRing { good: vec![(ContentHash::of(b"secret"), rules)], guarded: true });
    let records = Arc::new(Records::default());
    let engine = Engine::new(catalog, SETTINGS, Arc::clone(&records) as _).within(regions);
    let engine =
        engine.with_routes(Routes::new([("t".to_owned(), task)].into())).admitting(admit, AdmitSettings::default());
    let inbound = inbound(1, &routed(&question(1)));
    let reply = engine.serve(Inbound { credential: Some(ContentHash::of(b"secret")), ..inbound }).await;
    assert_eq!((reply.status, header(&reply, "x-steersman-code")), (402, "budget_exceeded"));
    assert!(records.0.lock().unwrap()[0].attempts.is_empty());
}
