//! Logging in: the token is shown to the server before it is kept.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pointsman_client::{Admin, DEFAULT_ADDRESS};

use super::{place, status};
use crate::context::{Context, Target};
use crate::contexts::{Login, name_of, parse_name};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;

/// The longest token, in bytes.
const MAX_TOKEN_BYTES: u64 = 16 << 10;

/// Where, and how the token comes.
#[derive(Debug, Args)]
pub(crate) struct LoginArguments {
    /// By which name it is kept [default: the server's host]
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: Option<String>,
    /// Read the token from this file; left out: asked for, or read from standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// It is production: `top` begins read-only there
    #[arg(long)]
    prod: bool,
    /// Keep it without making it the one that is meant where none is named
    #[arg(long)]
    no_use: bool,
}

/// Asks the server who the token speaks for, and keeps it.
pub(super) async fn login(context: &Context, login: LoginArguments) -> Result<Exit, Failure> {
    if context.given_token().is_some() {
        let what = "POINTSMAN_TOKEN or --token is set, and would go before what is kept";
        return Err(Failure::usage(what).next("Unset it, and give the token when asked."));
    }
    let place = place()?;
    let given = context.given();
    let named = login.name.or_else(|| given.context.clone());
    let known = named.as_deref().map(|name| Ok::<_, Failure>(place.read()?.contexts.remove(name)));
    let known = known.transpose()?.flatten();
    let address = given.address.clone().or_else(|| known.as_ref().map(|it| it.address.clone()));
    let address = address.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
    let name = named.unwrap_or_else(|| name_of(&address));
    let name = parse_name(&name).map_err(|problem| {
        Failure::usage(format!("no name comes of {}: {problem}", inline(&address)))
            .next("Name it: pointsman auth login NAME")
    })?;
    let known = known.filter(|it| it.address == address);
    let file = |given: &Option<PathBuf>, known: Option<PathBuf>| {
        given.as_deref().map(absolute).transpose().map(|given| given.or(known))
    };
    let kept = known.unwrap_or_default();
    let mut entry = Login {
        address,
        token: None,
        tls_ca: file(&given.tls_ca, kept.tls_ca)?,
        client_cert: file(&given.client_cert, kept.client_cert)?,
        client_key: file(&given.client_key, kept.client_key)?,
        prod: login.prod || kept.prod,
    };
    let token = read_token(context, &entry.address, login.token_file.as_deref()).await?;
    entry.token = Some(token);
    let target = Target {
        address: entry.address.clone(),
        token: entry.token.clone(),
        tls_ca: entry.tls_ca.clone(),
        identity: entry.client_cert.clone().zip(entry.client_key.clone()),
    };
    let caller = Admin::new(context.connect_to(&target).await?).caller().await?;
    let shown = entry.address.clone();
    place.change(|contexts| {
        if !login.no_use || contexts.current.is_none() {
            contexts.current = Some(name.clone());
        }
        contexts.contexts.insert(name.clone(), entry);
        Ok(())
    })?;
    let node = Node::map([
        ("context", Node::text(&name)),
        ("address", Node::text(&shown)),
        ("caller", crate::output::reflect::node_of("GetCallerResponse", &caller)),
    ]);
    context.output.one(&node, || status::caller_lines(&context.output, &caller));
    let file = place.file();
    context.output.say(format!("Kept as `{name}` in {}, for you alone to read.", file.display()));
    Ok(Exit::Ok)
}

/// A file that is found from every folder.
fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file)
        .map_err(|cause| Failure::usage(format!("cannot find {}: {cause}", file.display())))
}

async fn read_token(
    context: &Context,
    address: &str,
    file: Option<&Path>,
) -> Result<String, Failure> {
    let text = match file {
        Some(file) if file.as_os_str() != "-" => {
            let opened = std::fs::File::open(file);
            opened.and_then(read_some).map_err(|cause| {
                Failure::usage(format!("cannot read {}: {cause}", file.display()))
            })?
        }
        None if context.may_ask() => ask(address).await?,
        None if io::stdin().is_terminal() => {
            let what = "there is nobody to ask for the token";
            return Err(Failure::usage(what).next("Give it: --token-file FILE, or standard input"));
        }
        _ => read_some(io::stdin().lock())
            .map_err(|cause| Failure::usage(format!("cannot read the token: {cause}")))?,
    };
    let token = text.trim();
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || !is_plain {
        return Err(Failure::usage("that is no token: want one line of letters, digits and marks"));
    }
    Ok(token.to_owned())
}

fn read_some(from: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(MAX_TOKEN_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Asks at the terminal, and shows nothing of what is typed.
async fn ask(address: &str) -> Result<String, Failure> {
    let question = format!("Token for {}: ", inline(address));
    let failed = |cause: String| Failure::new(Exit::Failure, format!("cannot ask: {cause}"));
    tokio::task::spawn_blocking(move || rpassword::prompt_password(question))
        .await
        .map_err(|cause| failed(cause.to_string()))?
        .map_err(|cause| failed(cause.to_string()))
}
