//! The routes: addresses, methods and their handlers.

use actix_web::guard::{Guard, fn_guard};
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, ResponseError, Route};

use crate::handlers::{
    calibration, feedback, images, index, jobs, matching, model, page, search, server, tags,
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
    let get = |route: Route| vec![(Method::GET, route)];
    let post = |route: Route| vec![(Method::POST, route)];
    vec![
        endpoint("/", get(web::route().to(page::get_page))),
        endpoint("/assets/{path:.*}", get(web::route().to(page::get_asset))),
        endpoint("/healthz", get(web::route().to(server::get_health))),
        endpoint("/metrics", get(web::route().to(server::get_metrics))),
        endpoint("/openapi.json", get(web::route().to(server::get_openapi))),
        endpoint(
            "/v1/calibration",
            get(web::route().to(calibration::get_calibration)),
        ),
        endpoint(
            "/v1/calibration/report",
            get(web::route().to(calibration::get_calibration_report)),
        ),
        endpoint(
            "/v1/feedback",
            vec![
                (Method::GET, web::route().to(feedback::list_feedback)),
                (Method::POST, web::route().to(feedback::post_feedback)),
            ],
        ),
        endpoint("/v1/images/{id}", get(web::route().to(images::get_image))),
        endpoint(
            "/v1/images/{id}/file",
            get(web::route().to(images::get_image_file)),
        ),
        endpoint(
            "/v1/images/{id}/similar",
            get(web::route().to(search::similar_images)),
        ),
        endpoint("/v1/images/{id}/tags", get(web::route().to(tags::get_image_tags))),
        endpoint(
            "/v1/images/{id}/thumbnail",
            get(web::route().to(images::get_thumbnail)),
        ),
        endpoint("/v1/index", post(web::route().to(index::start_index))),
        endpoint(
            "/v1/jobs/{id}",
            vec![
                (Method::GET, web::route().to(jobs::get_job)),
                (Method::DELETE, web::route().to(jobs::cancel_job)),
            ],
        ),
        endpoint("/v1/match", post(web::route().to(matching::match_texts))),
        endpoint("/v1/model/switch", post(web::route().to(model::switch_model))),
        endpoint("/v1/model/catch-up", post(web::route().to(model::backfill_space))),
        endpoint("/v1/model/drop", post(web::route().to(model::drop_space))),
        endpoint(
            "/v1/search",
            vec![
                (Method::GET, web::route().to(search::search_get)),
                (Method::POST, web::route().to(search::search_post)),
            ],
        ),
        endpoint("/v1/status", get(web::route().to(server::get_status))),
    ]
}

/// Registers every endpoint with an application.
pub(crate) fn configure(config: &mut ServiceConfig) {
    for endpoint in endpoints() {
        config.service(endpoint.into_resource());
    }
    config.default_service(web::route().to(page::not_found));
}

fn endpoint(pattern: &'static str, methods: Vec<(Method, Route)>) -> Endpoint {
    Endpoint { pattern, methods }
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
