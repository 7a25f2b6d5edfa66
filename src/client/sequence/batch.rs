//! Runs a batch: uploads its input, creates it, waits for its end and fetches its results, in a task of the runtime.
//!
//! `ffi` begins one. `batch_plan` decides; this sends. It never cancels the batch at the server, which goes on when the
//! call is ended.

use std::sync::{Arc, Mutex};

use super::batch_plan::{Plan, Stage, Telling, results};
use super::{Ended, Opening, Resumable, Step, answered, made, refused};
use crate::client::Client;
use crate::client::request::Request;
use crate::client::transfer::{Attached, file_content, form};
use crate::client::wait::{Watch, Witness};
use crate::completion::{Progress, Response, Sink};
use crate::error::{Error, Result};
use crate::status;
use crate::sync::lock;
use crate::transport::Output;

/// What is put behind the output's name for the file of those lines that failed.
const ERRORS: &str = ".errors";

/// A batch run.
struct Run {
    client: Arc<Client>,
    plan: Plan,
    output: Option<String>,
    stage: Arc<Mutex<Stage>>,
    /// Where the host wants to know how far it has come.
    progress: Option<Progress>,
}

impl Client {
    /// Runs a batch. An error means that it was refused and no event follows.
    pub fn run_batch(
        self: &Arc<Self>,
        id: u64,
        json: &[u8],
        input: Option<&str>,
        output: Option<&str>,
        sink: Sink,
    ) -> Result<()> {
        let plan = Plan::parse(json, input.is_some())?;
        for path in output
            .iter()
            .flat_map(|output| [(*output).to_owned(), errors(output)])
        {
            Output::Path(path.into()).check()?;
        }
        let stage = Arc::new(Mutex::new(plan.from.clone()));
        let mut opening = Opening::new(self, id, sink);
        let progress = opening.progress().filter(|_| plan.progress);
        let run = Run {
            client: self.clone(),
            plan,
            output: output.map(str::to_owned),
            stage: stage.clone(),
            progress: progress.clone(),
        };
        let progress = progress.as_ref();
        let interrupted = move |error| lock(&stage).stopped(Response::failed(id, error));
        match (run.plan.from.clone(), input) {
            (Stage::Begun, Some(input)) => {
                let request = upload(input)?;
                let first = self.first_step(request.to_job()?, progress)?;
                opening.run(run.run_upload(request, first), interrupted)
            }
            (Stage::Created(batch), _) => {
                let watch = run.watch(&batch)?;
                let first = self.first_step(watch.job()?, None)?;
                opening.run(run.run_wait(watch, first), interrupted)
            }
            (Stage::Uploaded(file), _) => {
                let request = run.create(&file)?;
                let first = self.first_step(request.to_job()?, None)?;
                opening.run(run.run_create(request, first), interrupted)
            }
            // The plan has seen that there is something to begin with.
            (Stage::Begun, None) => Err(Error::new(status::INTERNAL, "a batch without input")),
        }
    }
}

fn upload(input: &str) -> Result<Request> {
    let purpose = br#"{"purpose":"batch"}"#;
    form("/files", purpose, "file", Attached::Path(input))
}

/// Tells the host what each look at the batch shows.
fn telling(progress: Progress) -> Witness {
    let mut telling = Telling::default();
    Box::new(move |batch| {
        if let Some((seen, must)) = telling.news(batch) {
            progress.tell(must, || telling.say(seen).into_bytes().into());
        }
    })
}

/// Where the error file goes.
fn errors(output: &str) -> String {
    format!("{output}{ERRORS}")
}

impl Run {
    fn create(&self, input_file: &str) -> Result<Request> {
        let mut request = Request::new("POST", "/batches")?;
        request.set_json(self.plan.create(input_file).as_bytes())?;
        Ok(request)
    }

    fn watch(&self, batch: &str) -> Result<Watch> {
        let request = Request::new("GET", &format!("/batches/{batch}"))?;
        let watch = Watch::new(&self.client, request, self.plan.poll.clone())?;
        Ok(watch.witnessed(self.progress.clone().map(telling)))
    }

    async fn run_upload(self, request: Request, first: Option<Step>) -> Response {
        let request = match self.uploaded(request, first).await {
            Ok(request) => request,
            Err(response) => return lock(&self.stage).stopped(response),
        };
        self.run_create(request, None).await
    }

    async fn run_create(self, request: Request, first: Option<Step>) -> Response {
        let watch = match self.created(request, first).await {
            Ok(watch) => watch,
            Err(response) => return lock(&self.stage).stopped(response),
        };
        let first = watch
            .job()
            .and_then(|job| self.client.first_step(job, None));
        match first {
            Ok(first) => self.run_wait(watch, first).await,
            Err(error) => lock(&self.stage).stopped(refused(error)),
        }
    }

    async fn run_wait(self, watch: Watch, first: Option<Step>) -> Response {
        let batch = watch.run(first).await;
        if batch.error.is_some() {
            return lock(&self.stage).stopped(batch);
        }
        match self.fetched(&batch).await {
            Ok(()) => batch,
            Err(response) => lock(&self.stage).stopped(response),
        }
    }

    /// Uploads the input; the request that creates the batch.
    async fn uploaded(&self, request: Request, first: Option<Step>) -> Ended<Request> {
        let progress = self.progress.as_ref();
        let response = answered(&self.client, &request, first, progress).await?;
        let file = made(response, "upload")?;
        let create = self.create(&file).map_err(refused)?;
        *lock(&self.stage) = Stage::Uploaded(file);
        Ok(create)
    }

    /// Creates the batch; what waits for its end.
    async fn created(&self, request: Request, first: Option<Step>) -> Ended<Watch> {
        let response = answered(&self.client, &request, first, None).await?;
        let body = response.body().to_vec();
        let batch = made(response, "creation of the batch")?;
        let mut watch = self.watch(&batch).map_err(refused)?;
        *lock(&self.stage) = Stage::Created(batch);
        watch.show(&body);
        Ok(watch)
    }

    /// Writes the results of an ended batch.
    async fn fetched(&self, batch: &Response) -> Ended<()> {
        let Some(output) = &self.output else {
            return Ok(());
        };
        let places = [("output", output.clone()), ("errors", errors(output))];
        for (id, (file, path)) in results(batch.body()).into_iter().zip(places) {
            let Some(id) = id else { continue };
            let request = file_content(&id, Some(&path)).map_err(refused)?;
            let progress = self
                .progress
                .as_ref()
                .map(|progress| progress.of_file(file));
            answered(&self.client, &request, None, progress.as_ref()).await?;
        }
        Ok(())
    }
}
