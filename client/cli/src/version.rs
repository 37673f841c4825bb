//! `pointsman version`: of this command, and of the server if one answers.

use pointsman_client::Admin;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::node::Node;
use crate::output::reflect::node_of;

/// Prints the versions. That no server answers is no failure.
pub(crate) async fn version(context: &Context) -> Result<Exit, Failure> {
    let own = env!("CARGO_PKG_VERSION");
    let server = match context.connect(Capacity::Admin).await {
        Ok(connection) => Admin::new(connection).server_info().await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let node = Node::map([
        ("version", Node::text(own)),
        (
            "server",
            server.as_ref().map_or(Node::Null, |info| node_of("GetServerInfoResponse", info)),
        ),
    ]);
    context.output.one(&node, || {
        let mut text = format!("pointsman {own}\n");
        if let Ok(info) = &server {
            let dev = if info.dev { ", dev" } else { "" };
            let (version, engine) = (inline(&info.version), inline(&info.store_engine));
            text += &format!("server    {version} ({engine} store{dev})\n");
            text += &format!("you       {} in {}\n", inline(&info.principal), inline(&info.tenant));
        }
        text
    });
    if let Err(failure) = server {
        context.output.detail(failure.to_string());
    }
    Ok(Exit::Ok)
}
