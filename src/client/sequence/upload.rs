//! Uploads a file in parts, several at once, in a task of the runtime.
//!
//! `ffi` begins one. `upload_plan` decides; this sends. Of the file only the pieces on their way are in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::digest::md5_of;
use super::upload_plan::{Plan, may_go_on};
use super::{Ended, Opening, Resumable, Step, answered, made, refused};
use crate::client::Client;
use crate::client::request::Request;
use crate::completion::{Progress, Response, Sink, Way};
use crate::error::{Error, Result};
use crate::status;
use crate::sync::lock;
use crate::transport::measure;

/// Parts on their way at once.
const AT_ONCE: usize = 4;

/// An upload.
struct Upload {
    client: Arc<Client>,
    path: String,
    plan: Arc<Mutex<Plan>>,
    /// Tells the host how much has arrived, if it wants to know.
    progress: Option<Progress>,
}

impl Client {
    /// Uploads a file in parts. An error means that it was refused and no event follows.
    pub fn upload(self: &Arc<Self>, id: u64, json: &[u8], path: &str, sink: Sink) -> Result<()> {
        let size = measure(Path::new(path))?;
        if size == 0 {
            let message = format!("the file {path} cannot be sent: it is empty");
            return Err(Error::new(status::FILE, message));
        }
        let name = Path::new(path).file_name().and_then(|name| name.to_str());
        let plan = Plan::parse(json, name.unwrap_or("file"), size)?;
        let begin = match plan.upload {
            Some(_) => None,
            None => {
                let mut request = Request::new("POST", "/uploads")?;
                request.set_json(plan.create().as_bytes())?;
                let first = self.first_step(request.to_job()?, None)?;
                Some((request, first))
            }
        };
        let plan = Arc::new(Mutex::new(plan));
        let mut opening = Opening::new(self, id, sink);
        let upload = Upload {
            client: self.clone(),
            path: path.to_owned(),
            plan: plan.clone(),
            progress: opening.progress().filter(|_| lock(&plan).progress),
        };
        opening.run(upload.run(begin), move |error| {
            lock(&plan).stopped(Response::failed(id, error))
        })
    }
}

impl Upload {
    async fn run(self, begin: Option<(Request, Option<Step>)>) -> Response {
        match self.to_the_end(begin).await {
            Ok(response) => response,
            Err(response) if response.error.as_ref().is_some_and(may_go_on) => {
                lock(&self.plan).stopped(response)
            }
            Err(response) => {
                self.give_up().await;
                response
            }
        }
    }

    async fn to_the_end(&self, begin: Option<(Request, Option<Step>)>) -> Ended<Response> {
        if let Some((request, first)) = begin {
            let response = answered(&self.client, &request, first, None).await?;
            let id = made(response, "creation of the upload")?;
            lock(&self.plan).upload = Some(id);
        }
        let sum = async { md5_of(PathBuf::from(&self.path)).await.map_err(refused) };
        let ((), md5) = tokio::try_join!(self.parts(), sum)?;
        let mut request = self.post("complete").map_err(refused)?;
        let body = lock(&self.plan).complete(&md5);
        request.set_json(body.as_bytes()).map_err(refused)?;
        answered(&self.client, &request, None, None).await
    }

    /// A request to something of the upload.
    fn post(&self, what: &str) -> Result<Request> {
        let upload = lock(&self.plan).upload.clone().unwrap_or_default();
        Request::new("POST", &format!("/uploads/{upload}/{what}"))
    }

    /// Sends the parts that are missing.
    async fn parts(&self) -> Ended<()> {
        let mut missing = lock(&self.plan).missing().into_iter();
        let mut sending: FuturesUnordered<_> = missing
            .by_ref()
            .take(AT_ONCE)
            .map(|place| self.part(place))
            .collect();
        while let Some(sent) = sending.next().await {
            sent?;
            sending.extend(missing.next().map(|place| self.part(place)));
        }
        Ok(())
    }

    async fn part(&self, place: usize) -> Ended<()> {
        let (from, length) = lock(&self.plan).range(place);
        let mut request = self.post("parts").map_err(refused)?;
        request
            .add_file_range("data", &self.path, from, length)
            .map_err(refused)?;
        let response = answered(&self.client, &request, None, None).await?;
        let id = made(response, "upload of a part")?;
        let mut plan = lock(&self.plan);
        plan.parts[place] = Some(id);
        if let Some(progress) = &self.progress {
            progress.report(Way::Upload, plan.arrived(), Some(plan.size));
        }
        Ok(())
    }

    /// Lets the server forget an upload that cannot come to a good end.
    async fn give_up(&self) {
        if lock(&self.plan).upload.is_none() {
            return;
        }
        if let Ok(request) = self.post("cancel") {
            // What it cannot forget now expires within the hour.
            let _ = answered(&self.client, &request, None, None).await;
        }
    }
}
