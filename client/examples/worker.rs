//! Takes up one answer that an agent did not wait for: on a machine of its own, on a
//! connection of its own, with nothing but the agent's token and the checkpoint.
//!
//! ```console
//! $ POINTSMAN_ADDRESS=http://127.0.0.1:7420 POINTSMAN_TOKEN=dev-agent \
//!     cargo run -p pointsman-client --example worker
//! ```

use std::convert::Infallible;
use std::env;

use pointsman_client::{Answer, Connection, Worker};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = env::var("POINTSMAN_ADDRESS")?;
    let token = env::var("POINTSMAN_TOKEN")?;
    let connection = Connection::builder(&address).token(token).connect().await?;
    let resumed = loop {
        if let Some(resumed) = Worker::new(connection.clone()).claim(1).await?.pop() {
            break resumed;
        }
    };
    let state = resumed.checkpoint().await?.map(|it| it.state).unwrap_or_default();
    println!("goes on from {}", String::from_utf8_lossy(&state));
    match resumed.answer()? {
        // The tool gets exactly the bytes that were approved.
        Answer::Approved(permit) | Answer::Modified(permit) => {
            let tool = permit.tool().to_owned();
            permit.execute(|arguments| async move { Ok::<_, Infallible>(arguments) }).await?;
            println!("ran {tool}");
        }
        other => {
            println!("nothing may run: {other:?}");
            resumed.acknowledge().await?;
        }
    }
    Ok(())
}
