//! The routes: addresses, methods and their handlers.

use actix_web::guard::{Guard, fn_guard};
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, ResponseError, Route};

use crate::handlers::{
    analysis, backup, calibration, duplicates, events, feedback, images, index, jobs, map, matching, model,
    page, search, server, session, tags, texts,
};
use crate::params::shortened;
use crate::problem::{Problem, ProblemKind};

/// One address with its methods.
pub(crate) struct Endpoint {
    /// The router's pattern.
    pub(crate) pattern: &'static str,
    /// Methods and their handlers.
    pub(crate) methods: Vec<(Method, Route)>,
}

/// Every address of the server.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = page_endpoints();
    endpoints.extend(calibration_endpoints());
    endpoints.extend(image_endpoints());
    endpoints.extend(job_endpoints());
    endpoints.extend(query_endpoints());
    endpoints
}

/// The page, and what monitoring and client generators read.
fn page_endpoints() -> Vec<Endpoint> {
    vec![
        get("/", web::route().to(page::get_page)),
        get("/assets/{path:.*}", web::route().to(page::get_asset)),
        get("/healthz", web::route().to(server::get_health)),
        get("/metrics", web::route().to(server::get_metrics)),
        get("/openapi.json", web::route().to(server::get_openapi)),
        Endpoint {
            pattern: "/v1/session",
            methods: vec![
                (Method::POST, web::route().to(session::open_session)),
                (Method::DELETE, web::route().to(session::close_session)),
            ],
        },
    ]
}

/// Whether a path needs no token: the page's files, the health check, and what exchanges the token for a
/// session.
pub(crate) fn is_public(path: &str) -> bool {
    ["/", "/healthz", "/v1/session"].contains(&path) || path.starts_with("/assets/")
}

fn calibration_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint {
            pattern: "/v1/calibration",
            methods: vec![
                (Method::GET, web::route().to(calibration::get_calibration)),
                (Method::DELETE, web::route().to(calibration::undo_calibration)),
            ],
        },
        get(
            "/v1/calibration/report",
            web::route().to(calibration::get_calibration_report),
        ),
        Endpoint {
            pattern: "/v1/feedback",
            methods: vec![
                (Method::GET, web::route().to(feedback::list_feedback)),
                (Method::POST, web::route().to(feedback::post_feedback)),
            ],
        },
    ]
}

fn image_endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint {
            pattern: "/v1/duplicates",
            methods: vec![
                (Method::GET, web::route().to(duplicates::get_duplicates)),
                (Method::POST, web::route().to(duplicates::start_duplicates)),
            ],
        },
        get("/v1/events", web::route().to(events::list_events)),
        get("/v1/events/{id}", web::route().to(events::get_event)),
        get("/v1/map", web::route().to(map::get_map)),
        get("/v1/images", web::route().to(analysis::list_images)),
        get("/v1/facets", web::route().to(analysis::get_facets)),
        get("/v1/images/{id}", web::route().to(images::get_image)),
        get("/v1/images/{id}/file", web::route().to(images::get_image_file)),
        get("/v1/images/{id}/similar", web::route().to(search::similar_images)),
        get("/v1/images/{id}/tags", web::route().to(tags::get_image_tags)),
        get(
            "/v1/images/{id}/thumbnail",
            web::route().to(images::get_thumbnail),
        ),
        get("/v1/images/{id}/video", web::route().to(images::get_video)),
    ]
}

/// What starts and watches jobs, and changes texts and spaces.
fn job_endpoints() -> Vec<Endpoint> {
    vec![
        post("/v1/index", web::route().to(index::start_index)),
        post("/v1/tag", web::route().to(analysis::start_tag)),
        post("/v1/screen", web::route().to(analysis::screen)),
        get("/v1/profiles", web::route().to(analysis::list_profiles)),
        post("/v1/calibrate", web::route().to(analysis::start_calibrate)),
        Endpoint {
            pattern: "/v1/sources",
            methods: vec![(Method::DELETE, web::route().to(index::forget_source))],
        },
        post("/v1/backup", web::route().to(backup::start_backup)),
        get("/v1/jobs", web::route().to(jobs::list_jobs)),
        get("/v1/jobs/{id}/events", web::route().to(jobs::job_events)),
        Endpoint {
            pattern: "/v1/jobs/{id}",
            methods: vec![
                (Method::GET, web::route().to(jobs::get_job)),
                (Method::DELETE, web::route().to(jobs::cancel_job)),
            ],
        },
        get("/v1/texts", web::route().to(texts::list_text_sets)),
        Endpoint {
            pattern: "/v1/texts/{set}",
            methods: vec![
                (Method::POST, web::route().to(texts::add_texts)),
                (Method::DELETE, web::route().to(texts::remove_texts)),
            ],
        },
        post("/v1/model/switch", web::route().to(model::switch_model)),
        post("/v1/model/catch-up", web::route().to(model::backfill_space)),
        post("/v1/model/drop", web::route().to(model::drop_space)),
    ]
}

fn query_endpoints() -> Vec<Endpoint> {
    vec![
        post("/v1/match", web::route().to(matching::match_texts)),
        Endpoint {
            pattern: "/v1/search",
            methods: vec![
                (Method::GET, web::route().to(search::search_get)),
                (Method::POST, web::route().to(search::search_post)),
            ],
        },
        get("/v1/status", web::route().to(server::get_status)),
    ]
}

/// Registers every endpoint with an application.
pub(crate) fn configure(config: &mut ServiceConfig) {
    for endpoint in endpoints() {
        config.service(endpoint.into_resource());
    }
    config.default_service(web::route().to(page::not_found));
}

fn get(pattern: &'static str, route: Route) -> Endpoint {
    Endpoint {
        pattern,
        methods: vec![(Method::GET, route)],
    }
}

fn post(pattern: &'static str, route: Route) -> Endpoint {
    Endpoint {
        pattern,
        methods: vec![(Method::POST, route)],
    }
}

impl Endpoint {
    fn into_resource(self) -> Resource {
        let allowed = self.allowed();
        let mut resource = web::resource(self.pattern);
        for (method, route) in self.methods {
            resource = resource.route(route.guard(accepts(method)));
        }
        resource.default_service(web::route().to(move |request: HttpRequest| {
            let response = not_allowed(&request, &allowed);
            async move { response }
        }))
    }

    /// The `Allow` header's value.
    fn allowed(&self) -> String {
        let names = self.methods.iter().map(|(method, _)| match method.as_str() {
            "GET" => "GET, HEAD",
            other => other,
        });
        names.collect::<Vec<_>>().join(", ")
    }
}

/// A GET route accepts HEAD too; actix-web leaves the body out of the response.
fn accepts(method: Method) -> impl Guard {
    fn_guard(move |context| {
        let requested = &context.head().method;
        *requested == method || (method == Method::GET && *requested == Method::HEAD)
    })
}

fn not_allowed(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let detail = format!(
        "method {} is not allowed for {}; expected {allowed}",
        request.method(),
        shortened(request.path())
    );
    let mut response = Problem::new(ProblemKind::MethodNotAllowed, detail).error_response();
    if let Ok(value) = allowed.parse() {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
