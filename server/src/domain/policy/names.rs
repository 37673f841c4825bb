//! What conditions may speak of: one table, from which the checks, the scope and
//! the reference are made.

/// A name that conditions may use, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// The name: `group.field`, or a word of its own.
    pub name: &'static str,
    /// Its type, as CEL calls it.
    pub kind: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn name(name: &'static str, kind: &'static str, meaning: &'static str) -> Name {
    Name { name, kind, meaning }
}

/// The values that the server computes.
pub const VALUES: &[Name] = &[
    name("action.tool", "string", "the tool"),
    name("action.tool_schema_version", "string", "the version of the tool's argument schema"),
    name(
        "action.target",
        "string",
        "what it acts on: as the agent says, else the catalogue's `target` argument",
    ),
    name(
        "action.confidence",
        "double",
        "how sure the agent says it is; absent where it says nothing",
    ),
    name(
        "action.amount",
        "number",
        "the catalogue's `amount` argument; absent where it is not a number",
    ),
    name(
        "action.currency",
        "string",
        "the catalogue's `currency` argument; absent where there is none",
    ),
    name(
        "action.customer",
        "string",
        "the catalogue's `customer` argument; absent where there is none",
    ),
    name(
        "action.affected",
        "double",
        "how many the catalogue's `affected` argument names; absent where there is none",
    ),
    name(
        "action.is_valid",
        "bool",
        "whether the arguments are as the tool's schema says; true without a schema",
    ),
    name("run.agent", "string", "the agent"),
    name("run.on_behalf_of", "string", "whom the agent acts for; empty: nobody"),
    name("run.hop_count", "int", "how many delegations lead to the run"),
    name("run.goal", "string", "what the run is to reach, in the user's words"),
    name(
        "run.elapsed_seconds",
        "int",
        "how old the run is, by the server's clock, less the time it waited for people",
    ),
    name(
        "run.unexpected_results",
        "int",
        "how many results of the run's actions were not as the catalogue expects, and no person \
         has let it rely on them",
    ),
    name("tool.is_known", "bool", "whether the catalogue names the tool"),
    name("tool.write", "bool", "whether it changes anything; true where nobody said"),
    name("tool.effects", "list(string)", "its effect classes"),
    name("tool.irreversibility", "string", "`low`, `medium` or `high`"),
    name(
        "tool.blast_radius",
        "string",
        "`low`, `medium` or `high`, by the number of those affected as well",
    ),
    name("tool.compliance_exposure", "string", "`low`, `medium` or `high`"),
    name("tool.is_priced", "bool", "whether the catalogue says which argument is the amount"),
    name("tool.is_compensable", "bool", "whether another tool takes it back"),
    name(
        "risk.high",
        "int",
        "how many of irreversibility, blast radius, compliance exposure and doubt are high",
    ),
    name(
        "risk.doubt",
        "bool",
        "whether the calibrated confidence is low; true where the agent says nothing",
    ),
    name(
        "risk.stakes",
        "string",
        "the highest of irreversibility, blast radius, compliance exposure and impact",
    ),
    name("impact.financial", "string", "`low`, `medium` or `high`, by the amount"),
    name("impact.reputational", "string", "`low`, `medium` or `high`"),
    name("impact.operational", "string", "`low`, `medium` or `high`"),
    name("confidence", "double", "the calibrated confidence; 0 where the agent says nothing"),
    name(
        "novelty",
        "double",
        "how new the call is to the agent's profile, from 0, known, to 1; 1 without a profile",
    ),
    name("profiled", "bool", "whether the agent has a profile that was taught at least 50 calls"),
    name(
        "origins",
        "list(string)",
        "where the arguments that name somebody or some place come from",
    ),
    name(
        "is_grounded",
        "bool",
        "whether people's words, or fields of records in tool results, hold every name in the \
         call and every address in its texts",
    ),
    name(
        "names_grounded",
        "bool",
        "the same of the arguments that name somebody or some place alone",
    ),
    name("addresses_grounded", "bool", "the same of the addresses in texts alone"),
    name(
        "support",
        "string",
        "the worst that a name in the call rests on: `said`, `named`, `linked`, `field`, `prose` or `none`",
    ),
    name("intended", "bool", "whether the user's words ask for an effect as the tool has it"),
    name(
        "is_delegated",
        "bool",
        "whether the user's words hand the choice over to a document: \"do the tasks on my list\"",
    ),
    name("is_confirmed", "bool", "whether the last that the user said agrees to something"),
];

/// The groups whose fields the document or the agent defines.
pub const OPEN_GROUPS: &[Name] = &[
    name("args", "map", "the parsed arguments; whole numbers are `int`"),
    name("params", "map", "the document's parameters"),
    name("vars", "map", "the document's variables"),
    name("result", "any", "what the tool answered; in a tool's `expects` alone"),
];

/// The functions; each takes one literal string.
pub const FUNCTIONS: &[Name] = &[
    name(
        "provenance",
        "string",
        "where the argument at a path comes from: `user`, `person`, `tool`, `nowhere`, or `absent`",
    ),
    name("intent", "bool", "whether the user's words ask for an effect of this class"),
    name("rate", "int", "how many calls the window holds, this one included"),
    name(
        "total",
        "double",
        "the sum of the amounts that the window holds, this one included, without signs",
    ),
    name(
        "fact",
        "any",
        "what a system of record answers; an error where it did not, or not in time",
    ),
];

/// The groups that have fixed fields.
pub(super) const GROUPS: &[&str] = &["action", "run", "tool", "risk", "impact"];

/// The fields of a group.
pub(super) fn fields(group: &str) -> impl Iterator<Item = &'static str> {
    VALUES.iter().filter_map(move |it| it.name.strip_prefix(group)?.strip_prefix('.'))
}
