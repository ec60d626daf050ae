//! The reference node of the laboratory: an unmodified veilid-core with its
//! remote JSON API on a TCP port.
//!
//!     refnode serve CONFIG.json ADDRESS    run, attached, until SIGTERM
//!     refnode default-config               print the library's default configuration
//!
//! REFNODE_LOG holds tracing directives for standard error, "warn" if unset.
//! The same source is built against veilid-core 0.5.8 and 0.5.2.
#![recursion_limit = "512"]

use std::process::ExitCode;
use std::sync::{Arc, Mutex, Weak};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::mpsc::{unbounded_channel, UnboundedSender};
use veilid_core::{api_startup_json, UpdateCallback, VeilidAPI, VeilidConfig, VeilidUpdate};
use veilid_remote_api::{JsonRequestProcessor, RecvMessage, Request};

type Failure = Box<dyn std::error::Error>;

/// One line on its way to a client, with its newline.
type Line = Arc<str>;

/// The queues of all connected clients. A connection owns its queue; once it is
/// gone the weak reference here is dead and swept away.
#[derive(Default)]
struct Clients(Mutex<Vec<Weak<UnboundedSender<Line>>>>);

impl Clients {
    fn add(&self, queue: &Arc<UnboundedSender<Line>>) {
        self.0.lock().unwrap().push(Arc::downgrade(queue));
    }

    fn tell_all(&self, line: Line) {
        self.0.lock().unwrap().retain(|client| match client.upgrade() {
            Some(queue) => queue.send(line.clone()).is_ok(),
            None => false,
        });
    }
}

fn encode(message: &RecvMessage) -> Line {
    let mut text = serde_json::to_string(message).expect("the API's own types always encode");
    text.push('\n');
    text.into()
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        ["default-config"] => default_config(),
        ["serve", config, address] => serve(config, address).await,
        _ => {
            eprintln!("usage: refnode serve CONFIG.json ADDRESS | refnode default-config");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("refnode: {e}");
            ExitCode::FAILURE
        }
    }
}

fn default_config() -> Result<(), Failure> {
    println!("{}", serde_json::to_string_pretty(&VeilidConfig::default())?);
    Ok(())
}

async fn serve(config: &str, address: &str) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("REFNODE_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();

    let clients = Arc::new(Clients::default());
    let audience = clients.clone();
    let on_update: UpdateCallback =
        Arc::new(move |update: VeilidUpdate| audience.tell_all(encode(&RecvMessage::Update(update))));
    let api = api_startup_json(on_update, std::fs::read_to_string(config)?).await?;

    let outcome = accept_clients(&api, address, &clients).await;
    api.shutdown().await;
    outcome
}

async fn accept_clients(api: &VeilidAPI, address: &str, clients: &Arc<Clients>) -> Result<(), Failure> {
    api.attach().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(address).await?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            connection = listener.accept() => {
                let (stream, _) = connection?;
                stream.set_nodelay(true)?;
                tokio::spawn(talk(stream, api.clone(), clients.clone()));
            }
        }
    }
}

/// Serves one client. Requests run side by side; responses and updates share
/// one queue, so that lines stay whole.
async fn talk(stream: TcpStream, api: VeilidAPI, clients: Arc<Clients>) {
    let (input, mut output) = stream.into_split();
    let (queue, mut queued) = unbounded_channel::<Line>();
    let queue = Arc::new(queue);
    clients.add(&queue);
    let writer = tokio::spawn(async move {
        while let Some(line) = queued.recv().await {
            if output.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    });

    let processor = JsonRequestProcessor::new(api);
    let mut lines = BufReader::new(input).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let request: Request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(e) => {
                eprintln!("refnode: bad request: {e}");
                break;
            }
        };
        let (processor, queue) = (processor.clone(), queue.clone());
        tokio::spawn(async move {
            let response = processor.process_request(request).await;
            let _ = queue.send(encode(&RecvMessage::Response(response)));
        });
    }
    writer.abort();
}
