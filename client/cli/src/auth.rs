//! `pointsman auth`: log in to servers, see who one is there, and ask what one may do.

use std::io::IsTerminal as _;

use clap::{Args, Subcommand};

use crate::context::{Capacity, Context};
use crate::contexts::{self, Contexts, parse_name};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::table::{Field, Tone, table};

mod can_i;
mod login;
mod status;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthVerb {
    /// Keep a token for a server, once the server has taken it; never from a flag
    #[command(
        after_help = "Example: pointsman auth login prod --address https://pointsman.example.org:7420 --prod\n\
                      In a script: vault read … | pointsman auth login prod --address https://…"
    )]
    Login(login::LoginArguments),
    /// Forget the token that is kept for a server; the token itself stays valid
    #[command(after_help = "Example: pointsman auth logout prod")]
    Logout(NameArguments),
    /// Say who you are: roles, until when, by which credential, on which server
    #[command(after_help = "Example: pointsman auth status -o json")]
    Status,
    /// List the servers that you are logged in to
    #[command(after_help = "Example: pointsman auth contexts")]
    Contexts,
    /// Say which server is meant where none is named
    #[command(after_help = "Example: pointsman auth use prod")]
    Use(UseArguments),
    /// Print the token, for scripts
    #[command(after_help = "Example: POINTSMAN_TOKEN=$(pointsman auth token) ./script.sh")]
    Token(TokenArguments),
    /// Say whether you may do something, and if not, why and who could; exit code 0 or 5
    #[command(after_help = "Examples:\n  pointsman auth can-i approve esc_01kb3…\n  \
                      pointsman auth can-i approve --lane money --amount '7000 EUR' --tool refund\n  \
                      pointsman auth can-i stop run_01kb3…\n  \
                      pointsman auth can-i approve --lane money --amount '7000 EUR' --as dora\n  \
                      pointsman auth can-i --list")]
    CanI(can_i::CanIArguments),
}

/// Which context.
#[derive(Debug, Args)]
pub(crate) struct NameArguments {
    /// The context [default: the one that counts]
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: Option<String>,
}

/// Which context.
#[derive(Debug, Args)]
pub(crate) struct UseArguments {
    /// The context
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: String,
}

/// How to print it.
#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    /// Also on a terminal, where others may look on
    #[arg(long)]
    show: bool,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: AuthVerb) -> Result<Exit, Failure> {
    match verb {
        AuthVerb::Login(login) => login::login(context, login).await,
        AuthVerb::Logout(logout) => self::logout(context, logout),
        AuthVerb::Status => status::status(context).await,
        AuthVerb::Contexts => list(context),
        AuthVerb::Use(it) => switch(context, it.name),
        AuthVerb::Token(it) => token(context, &it),
        AuthVerb::CanI(it) => can_i::can_i(context, it).await,
    }
}

/// Where contexts are kept.
fn place() -> Result<contexts::Place, Failure> {
    contexts::Place::of_user().ok_or_else(|| {
        Failure::new(Exit::Failure, "nobody says where configuration is kept")
            .next("Set HOME, or XDG_CONFIG_HOME, to a folder of yours.")
    })
}

fn logout(context: &Context, logout: NameArguments) -> Result<Exit, Failure> {
    let named = logout.name.or_else(|| context.named_context().map(str::to_owned));
    let mut left = None;
    place()?.change(|contexts| {
        let name = named.or_else(|| contexts.current.clone());
        let name = name.ok_or_else(|| Failure::new(Exit::NotFound, "you are logged in nowhere"))?;
        contexts.get(&name)?;
        contexts.contexts.remove(&name);
        contexts.current = contexts.current.take().filter(|current| *current != name);
        left = Some(name);
        Ok(())
    })?;
    let name = left.unwrap_or_default();
    context
        .output
        .say(format!("The token for `{name}` is forgotten here. It stays valid until it ends."));
    context.output.say("To end it everywhere: pointsman token revoke TOK_ID");
    Ok(Exit::Ok)
}

fn switch(context: &Context, name: String) -> Result<Exit, Failure> {
    place()?.change(|contexts| {
        contexts.get(&name)?;
        contexts.current = Some(name.clone());
        Ok(())
    })?;
    context.output.say(format!("`{name}` is meant from now on."));
    Ok(Exit::Ok)
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let contexts = place()?.read()?;
    let nodes = contexts.contexts.iter().map(|(name, login)| {
        Node::map([
            ("name", Node::text(name)),
            ("address", Node::text(&login.address)),
            ("current", Node::Bool(contexts.current.as_ref() == Some(name))),
            ("prod", Node::Bool(login.prod)),
        ])
    });
    context.output.many(nodes.collect(), || contexts_table(&context.output, &contexts));
    if contexts.contexts.is_empty() {
        context.output.say("You are logged in nowhere: pointsman auth login");
    }
    Ok(Exit::Ok)
}

fn contexts_table(output: &Output, contexts: &Contexts) -> String {
    if contexts.contexts.is_empty() {
        return String::new();
    }
    let rows = contexts.contexts.iter().map(|(name, login)| {
        let is_current = contexts.current.as_ref() == Some(name);
        [
            Field::toned(if is_current { "→" } else { "" }, Tone::Good),
            Field::new(name),
            Field::new(&login.address),
            Field::toned(if login.prod { "production" } else { "" }, Tone::Warning),
        ]
    });
    table(output, ["", "NAME", "ADDRESS", "KIND"], rows.collect())
}

fn token(context: &Context, arguments: &TokenArguments) -> Result<Exit, Failure> {
    if std::io::stdout().is_terminal() && !arguments.show {
        let what = "a token is not shown on a terminal, where others may look on";
        return Err(
            Failure::usage(what).next("Into a variable: $(pointsman auth token); or: --show")
        );
    }
    let token = context.target(Capacity::Reviewer)?.token.ok_or_else(|| {
        Failure::new(Exit::Unauthenticated, "there is no token for this server")
            .next("Log in: pointsman auth login")
    })?;
    context.output.one(&Node::map([("token", Node::text(&token))]), || inline(&token));
    Ok(Exit::Ok)
}
