//! `pointsman token`: who may call, in which roles.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use pointsman_api::v1;
use pointsman_client::Admin;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};
use crate::output::{Output, time};
use crate::span::parse_span;

const PAGE: i32 = 500;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token; its secret is printed once and kept nowhere
    #[command(after_help = "Example: pointsman token create claims-v2 --role agent --ttl 30d")]
    Create(CreateArguments),
    /// List tokens, without their secrets
    #[command(after_help = "Example: pointsman token list -o json")]
    List,
    /// Revoke a token; its open streams end within seconds
    #[command(after_help = "Example: pointsman token revoke tok_01kb3…")]
    Revoke(RevokeArguments),
}

/// Whom a token speaks for.
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The principal it speaks for
    #[arg(value_name = "PRINCIPAL")]
    principal: String,
    /// What the principal may do; an agent is neither of those who answer, nor a policy author
    #[arg(long, value_enum, required = true, value_delimiter = ',', value_name = "ROLE")]
    role: Vec<RoleName>,
    /// How long it works; left out: until it is revoked
    #[arg(long, value_parser = parse_span, value_name = "SPAN")]
    ttl: Option<Duration>,
}

/// Which token.
#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    /// The token's id
    #[arg(value_name = "TOK_ID")]
    id: String,
}

/// Roles by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Starts runs, proposes and redeems
    Agent,
    /// Claims and answers
    Reviewer,
    /// Is a reviewer; assigns and takes over as well
    Supervisor,
    /// Writes policies and puts them in force
    PolicyAuthor,
    /// Reads everything, changes nothing
    Auditor,
    /// Manages people, tokens, the queue and backups
    Admin,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: TokenVerb) -> Result<Exit, Failure> {
    let admin = Admin::new(context.connect(Capacity::Admin).await?);
    match verb {
        TokenVerb::Create(create) => self::create(context, &admin, create).await,
        TokenVerb::List => list(context, &admin).await,
        TokenVerb::Revoke(revoke) => {
            let token = admin.revoke_token(revoke.id).await?;
            let id = inline(&token.token_id);
            let whom = inline(&token.principal);
            context.output.one(&node_of("Token", &token), || format!("{id} of {whom} is revoked."));
            Ok(Exit::Ok)
        }
    }
}

async fn create(
    context: &Context,
    admin: &Admin,
    create: CreateArguments,
) -> Result<Exit, Failure> {
    let roles: Vec<_> = create.role.into_iter().map(v1::Role::from).collect();
    let created = admin.create_token(create.principal, &roles, create.ttl).await?;
    let node = Node::map([
        ("token", node_of("Token", &created.token)),
        ("secret", Node::text(&created.secret)),
    ]);
    if context.output.is_for_people() {
        let id = inline(&created.token.token_id);
        let whom = inline(&created.token.principal);
        context.output.say(format!("{id} speaks for {whom}. Its secret, shown this once:"));
    }
    context.output.one(&node, || inline(&created.secret));
    Ok(Exit::Ok)
}

async fn list(context: &Context, admin: &Admin) -> Result<Exit, Failure> {
    let mut request = v1::ListTokensRequest { page_size: PAGE, page_token: String::new() };
    let mut found = Vec::new();
    loop {
        let page = admin.list_tokens(request.clone()).await?;
        found.extend(page.tokens);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let nodes = found.iter().map(|token| node_of("Token", token)).collect();
    context.output.many(nodes, || tokens_table(&context.output, &found));
    Ok(Exit::Ok)
}

fn tokens_table(output: &Output, tokens: &[v1::Token]) -> String {
    if tokens.is_empty() {
        return String::new();
    }
    let now = time::local_now();
    let rows = tokens.iter().map(|token| {
        let roles: Vec<_> =
            token.roles().map(|role| short_name(role.as_str_name(), "ROLE_")).collect();
        let is_over = token.expire_time.is_some_and(|at| at.seconds <= now.seconds);
        let (state, tone) = match (token.revoke_time.is_some(), is_over) {
            (true, _) => ("revoked", Tone::Faint),
            (false, true) => ("expired", Tone::Faint),
            (false, false) => ("valid", Tone::Good),
        };
        let shown = |at: Option<prost_types::Timestamp>| match at {
            Some(at) if output.is_terminal => time::clock(&at, Some(&now)),
            Some(at) => time::rfc3339(&at).unwrap_or_default(),
            None => "–".into(),
        };
        [
            Field::new(&token.token_id),
            Field::new(&token.principal),
            Field::new(&roles.join(", ")),
            Field::toned(state, tone),
            Field::new(&shown(token.create_time)),
            Field::new(&shown(token.expire_time)),
        ]
    });
    table(output, ["ID", "PRINCIPAL", "ROLES", "STATE", "MADE", "EXPIRES"], rows.collect())
}

impl From<RoleName> for v1::Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Agent => Self::Agent,
            RoleName::Reviewer => Self::Reviewer,
            RoleName::Supervisor => Self::Supervisor,
            RoleName::PolicyAuthor => Self::PolicyAuthor,
            RoleName::Auditor => Self::Auditor,
            RoleName::Admin => Self::Admin,
        }
    }
}
