//! Settings are put as a whole, in force at once, and kept for good.

use super::*;
use crate::domain::ids::QueueSettingsId;
use crate::engine::list::Page;

fn command(current: Option<QueueSettingsId>) -> PutQueueSettings {
    PutQueueSettings {
        request_id: world::request_id(7),
        document: CHAIN.to_owned(),
        current,
        reason: "more people".to_owned(),
    }
}

#[tokio::test]
async fn of_two_that_look_at_the_same_settings_one_puts_others() {
    let world = World::new().await.at_rest();
    let first = put(&world, "version: 1").await.unwrap().record;
    assert_eq!((first.author.as_str(), first.replaced), ("admin", None));
    let late = PutQueueSettings { request_id: String::new(), ..command(None) };
    let late = world.engine.put_queue_settings(&world::admin(), late).await.unwrap_err();
    let (current, by) = (Some(first.id.to_string()), Some("admin".to_owned()));
    let at = Some(first.create_time);
    assert_eq!(late, Error::QueueSettingsChanged { current, by, at });
    let put = command(Some(first.id));
    let second = world.engine.put_queue_settings(&world::admin(), put.clone()).await.unwrap();
    assert_eq!(second.value.record.replaced, Some(first.id));
    assert!(second.value.is_in_force);
    let again = world.engine.put_queue_settings(&world::admin(), put).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value, second.value);
    assert_eq!(world.events(EventKind::QueueSettingsPut).await, 2);
}

#[tokio::test]
async fn settings_are_there_after_a_restart_with_their_reasons() {
    let world = World::new().await.at_rest();
    assert_eq!(world.engine.get_queue_settings(&reviewer(), None).await.unwrap(), None);
    let first = put(&world, CHAIN).await.unwrap().record;
    world.clock.advance(MINUTE);
    let second = put(&world, "version: 1\nname: small\n").await.unwrap().record;
    let world = world.restarted().await.at_rest();
    let (view, document) =
        world.engine.get_queue_settings(&reviewer(), Some(first.id)).await.unwrap().unwrap();
    assert_eq!((document.as_str(), view.is_in_force), (CHAIN, false));
    let listed = world.engine.list_queue_settings(&reviewer(), Page::default()).await.unwrap();
    let known: Vec<_> = listed.items.iter().map(|it| (it.record.id, it.is_in_force)).collect();
    assert_eq!(known, [(second.id, true), (first.id, false)]);
    assert!(listed.items.iter().all(|it| it.reason == "for a test"));
    let question = world.escalate(world.run().await).await;
    assert_eq!(question.plan.unwrap().revision, Some(second.id));
}

#[tokio::test]
async fn wrong_settings_change_nothing() {
    let world = World::new().await.at_rest();
    let sequence = world.store.sequence("default").await.unwrap();
    let wrong = put(&world, "version: 1\nlanes: {money: {chain: gold}}").await.unwrap_err();
    let Error::QueueSettingsInvalid { place, .. } = &wrong else { panic!("{wrong:?}") };
    assert_eq!(place, "lanes.money.chain");
    for (field, wrong) in [
        ("document", PutQueueSettings { document: String::new(), ..command(None) }),
        ("reason", PutQueueSettings { reason: String::new(), ..command(None) }),
        ("reason", PutQueueSettings { reason: "x".repeat(8 * 1_024 + 1), ..command(None) }),
    ] {
        let refused = world.engine.put_queue_settings(&world::admin(), wrong).await.unwrap_err();
        let Error::InvalidField { field: named, .. } = &refused else { panic!("{refused:?}") };
        assert_eq!(named, field);
    }
    assert_eq!(world.store.sequence("default").await.unwrap(), sequence);
    let unknown = QueueSettingsId::new(uuid::Uuid::nil());
    let missing = world.engine.get_queue_settings(&reviewer(), Some(unknown)).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}
