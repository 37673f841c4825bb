//! Who one is to a server.

use pointsman_api::v1;
use pointsman_api::v1::get_caller_response::Credential;
use pointsman_client::Admin;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::reflect::{node_of, short_name};
use crate::output::{Output, time};
use crate::people::{on_duty, shown};

/// Prints who the caller is, and where.
pub(super) async fn status(context: &Context) -> Result<Exit, Failure> {
    let login = context.login()?;
    let admin = Admin::new(context.connect(Capacity::Reviewer).await?);
    let (caller, server) = (admin.caller().await?, admin.server_info().await?);
    let address = context.target(Capacity::Reviewer)?.address;
    let name = login.as_ref().map_or(Node::Null, |(name, _)| Node::text(name));
    let node = Node::map([
        ("context", name),
        ("address", Node::text(&address)),
        ("caller", node_of("GetCallerResponse", &caller)),
        ("server", node_of("GetServerInfoResponse", &server)),
    ]);
    context.output.one(&node, || {
        let name = match &login {
            Some((name, login)) if login.prod => format!(" (`{name}`, production)"),
            Some((name, _)) => format!(" (`{name}`)"),
            None => String::new(),
        };
        let dev = if server.dev { ", dev" } else { "" };
        let (version, engine) = (inline(&server.version), inline(&server.store_engine));
        let mut text = format!("server      {}{name}\n", inline(&address));
        text += &format!("version     {version}, {engine} store{dev}\n");
        text + &caller_lines(&context.output, &caller)
    });
    Ok(Exit::Ok)
}

/// Who the caller is, a line for each part.
pub(super) fn caller_lines(output: &Output, caller: &v1::GetCallerResponse) -> String {
    let until = |at: Option<prost_types::Timestamp>| match at {
        Some(_) => format!(" until {}", shown(output, at)),
        None => String::new(),
    };
    let roles = caller.roles.iter().map(|held| {
        let role = short_name(held.role().as_str_name(), "ROLE_");
        let how = if held.assigned { " (assigned)" } else { "" };
        format!("{role}{how}{}", until(held.end_time))
    });
    let roles: Vec<_> = roles.collect();
    let credential = match caller.credential() {
        Credential::Token => format!("token {}", inline(&caller.token_id)),
        Credential::SignedToken => "a token of your identity provider".to_owned(),
        Credential::Certificate => "the certificate of the connection".to_owned(),
        Credential::Unspecified => "unknown".to_owned(),
    };
    let mut text =
        format!("you         {} in {}\n", inline(&caller.principal), inline(&caller.tenant));
    if !caller.person.is_empty() {
        text += &format!("person      {}\n", inline(&caller.person));
    }
    text += &format!("roles       {}\n", roles.join(", "));
    text += &format!("credential  {credential}{}\n", until(caller.credential_expire_time));
    let now = caller.server_time.unwrap_or_else(time::local_now);
    let availability = caller.availability.clone().unwrap_or_default();
    text + &format!("duty        {}\n", on_duty(output, &availability, now.seconds).0)
}
