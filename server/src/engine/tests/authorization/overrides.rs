//! The use cases of `OverrideService`.

use super::{UseCase, nil};
use crate::domain::ids::{OverrideId, RunId};
use crate::domain::overrides::{AtEnd, OverrideKind, OverrideScope};
use crate::engine::overrides::{Acknowledge, RequestOverride, Said};

fn request() -> RequestOverride {
    RequestOverride {
        request_id: "garbage".to_owned(),
        kind: OverrideKind::Stop,
        scope: OverrideScope::Fleet,
        reason: String::new(),
        ttl: None,
        at_end: AtEnd::Stay,
        run_etag: String::new(),
        redirect: None,
    }
}

fn acknowledge() -> Acknowledge {
    Acknowledge {
        request_id: "garbage".to_owned(),
        id: nil(OverrideId::new),
        run: nil(RunId::new),
        said: Said::Refused,
        words: String::new(),
        still_running: Vec::new(),
    }
}

pub(super) fn of_overrides() -> Vec<(&'static str, UseCase)> {
    vec![
        ("OverrideService/RequestOverride", use_case!(e, c, e.request_override(c, request()))),
        (
            "OverrideService/ConfirmOverride",
            use_case!(e, c, e.confirm_override(c, "", nil(OverrideId::new))),
        ),
        ("OverrideService/GetOverride", use_case!(e, c, e.get_override(c, nil(OverrideId::new)))),
        (
            "OverrideService/ListOverrides",
            use_case!(e, c, e.list_overrides(c, Default::default(), &Default::default())),
        ),
        (
            "OverrideService/WatchOverride",
            use_case!(e, c, e.watch_override(c, nil(OverrideId::new), None)),
        ),
        (
            "OverrideService/ReceiveOverrides",
            use_case!(e, c, e.receive_overrides(c, nil(RunId::new), None)),
        ),
        (
            "OverrideService/AcknowledgeOverride",
            use_case!(e, c, e.acknowledge_override(c, acknowledge())),
        ),
    ]
}
