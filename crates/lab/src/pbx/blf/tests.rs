use super::*;

const ENTITY: &str = "sip:1002@10.0.0.1:5060";

fn early() -> Lamp {
    Lamp::Early {
        caller: "\"Alice & Co\" <sip:1001@10.0.0.1:5060>".to_owned(),
        callee: "<sip:1002@10.0.0.1:5060>".to_owned(),
        dialog: Some(("c<d".to_owned(), "theirs".to_owned(), "ours".to_owned())),
    }
}

#[test]
fn only_changes_are_told_and_versions_grow() {
    let mut watchers = Watchers::default();
    assert!(watchers.is_empty());
    assert!(watchers.add(1, "1002", ENTITY, Lamp::Terminated).contains("version=\"0\""));
    watchers.add(2, "1002", ENTITY, early());
    watchers.add(3, "1003", ENTITY, Lamp::Terminated);
    let lamp_of = |number: &str| if number == "1002" { early() } else { Lamp::Terminated };
    let bodies = watchers.changed(lamp_of);
    assert_eq!(bodies.iter().map(|(who, _)| *who).collect::<Vec<_>>(), [1]);
    assert!(bodies[0].1.contains("version=\"1\""));
    assert!(watchers.changed(lamp_of).is_empty());
    watchers.remove(1);
    watchers.remove(3);
    assert_eq!(watchers.changed(|_| Lamp::Confirmed).len(), 1);
}

#[test]
fn documents() {
    let all: Vec<String> = [Lamp::Terminated, early(), Lamp::Confirmed]
        .into_iter()
        .enumerate()
        .map(|(version, lamp)| body("1002", ENTITY, u32::try_from(version).unwrap(), &lamp))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}
