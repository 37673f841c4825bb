//! `pointsman backup`: a copy of everything durable, while work goes on.

use clap::Args;
use pointsman_client::Admin;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::node_of;

/// What the backup is called.
#[derive(Debug, Args)]
#[command(after_help = "Example: pointsman backup nightly-2026-11-22")]
pub(crate) struct BackupArguments {
    /// The new folder's name; left out: date and time
    name: Option<String>,
}

/// Makes a backup on the server.
pub(crate) async fn backup(context: &Context, backup: BackupArguments) -> Result<Exit, Failure> {
    let name = backup.name.unwrap_or_else(|| {
        let form = format_description!("[year][month][day]-[hour][minute][second]");
        OffsetDateTime::now_utc().format(form).unwrap_or_else(|_| "backup".into())
    });
    let admin = Admin::new(context.connect(Capacity::Admin).await?);
    let made = admin.create_backup(name).await?;
    context.output.one(&node_of("CreateBackupResponse", &made), || inline(&made.path));
    if context.output.is_for_people() {
        let (entries, bytes) = (made.entries, made.bytes);
        context.output.say(format!("{entries} entries, {bytes} bytes. Back: pointsman restore"));
    }
    Ok(Exit::Ok)
}
