//! Who may do what with checkpoints and branches.

use super::{UseCase, nil};
use crate::domain::ids::{CheckpointId, EscalationId, RunId};
use crate::engine::branches::{BranchRun, RollBackRun};
use crate::engine::checkpoints::{ListCheckpoints, MarkCheckpoint, SaveCheckpoint};
use crate::engine::resumptions::ClaimResumptions;

fn save() -> SaveCheckpoint {
    SaveCheckpoint {
        request_id: "garbage".to_owned(),
        run: nil(RunId::new),
        branch: 0,
        parent: None,
        content: Default::default(),
    }
}

fn mark() -> MarkCheckpoint {
    MarkCheckpoint {
        request_id: "garbage".to_owned(),
        checkpoint: nil(CheckpointId::new),
        is_good: true,
        note: String::new(),
    }
}

fn branch() -> BranchRun {
    BranchRun {
        request_id: "garbage".to_owned(),
        run: nil(RunId::new),
        branch: 0,
        checkpoint: nil(CheckpointId::new),
        reason: String::new(),
    }
}

fn roll_back() -> RollBackRun {
    RollBackRun {
        request_id: "garbage".to_owned(),
        run: nil(RunId::new),
        branch: 0,
        checkpoint: None,
        reason: String::new(),
        instruction: String::new(),
        compensates: false,
        expected_effects: None,
        is_trial: false,
    }
}

fn all() -> ListCheckpoints {
    ListCheckpoints { run: nil(RunId::new), only_good: false }
}

pub(super) fn of_checkpoints() -> Vec<(&'static str, UseCase)> {
    vec![
        ("CheckpointService/SaveCheckpoint", use_case!(e, c, e.save_checkpoint(c, save()))),
        (
            "CheckpointService/GetCheckpoint",
            use_case!(e, c, e.get_checkpoint(c, nil(CheckpointId::new))),
        ),
        (
            "CheckpointService/ListCheckpoints",
            use_case!(e, c, e.list_checkpoints(c, Default::default(), all())),
        ),
        (
            "CheckpointService/DiffCheckpoints",
            use_case!(e, c, e.diff_checkpoints(c, nil(CheckpointId::new), nil(CheckpointId::new))),
        ),
        ("CheckpointService/MarkCheckpoint", use_case!(e, c, e.mark_checkpoint(c, mark()))),
        ("CheckpointService/BranchRun", use_case!(e, c, e.branch_run(c, branch()))),
        ("CheckpointService/RollBackRun", use_case!(e, c, e.roll_back_run(c, roll_back()))),
        ("CheckpointService/GetBranch", use_case!(e, c, e.get_branch(c, nil(RunId::new), 0))),
        (
            "CheckpointService/ListBranches",
            use_case!(e, c, e.list_branches(c, Default::default(), nil(RunId::new))),
        ),
        (
            "CheckpointService/CompareBranches",
            use_case!(e, c, e.compare_branches(c, nil(RunId::new), (0, 1))),
        ),
        (
            "CheckpointService/ClaimResumptions",
            use_case!(e, c, e.claim_resumptions(c, ClaimResumptions::default())),
        ),
        (
            "CheckpointService/AcknowledgeResumption",
            use_case!(e, c, e.acknowledge_resumption(c, "", nil(EscalationId::new), 0)),
        ),
    ]
}
