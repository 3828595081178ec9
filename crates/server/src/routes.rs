use actix_web::guard::{Guard, fn_guard};
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, ResponseError, Route};

use crate::handlers::{calibration, feedback, images, index, matching, model, search, server, tags};
use crate::problem::{Problem, ProblemKind};

/// One address and what can be done there.
pub(crate) struct Endpoint {
    /// The router's pattern.
    pub(crate) pattern: &'static str,
    /// Methods and what answers them.
    pub(crate) methods: Vec<(Method, Route)>,
}

/// Every address of the server.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let get = |route: Route| vec![(Method::GET, route)];
    vec![
        endpoint("/", get(web::route().to(server::home))),
        endpoint("/assets/{path:.*}", get(web::route().to(server::asset))),
        endpoint("/healthz", get(web::route().to(server::health))),
        endpoint("/metrics", get(web::route().to(server::metrics))),
        endpoint("/openapi.json", get(web::route().to(server::describe))),
        endpoint("/v1/calibration", get(web::route().to(calibration::describe))),
        endpoint(
            "/v1/calibration/report",
            get(web::route().to(calibration::report)),
        ),
        endpoint(
            "/v1/feedback",
            vec![
                (Method::GET, web::route().to(feedback::list)),
                (Method::POST, web::route().to(feedback::give)),
            ],
        ),
        endpoint("/v1/images/{id}", get(web::route().to(images::describe))),
        endpoint("/v1/images/{id}/file", get(web::route().to(images::file))),
        endpoint("/v1/images/{id}/similar", get(web::route().to(search::similar))),
        endpoint("/v1/images/{id}/tags", get(web::route().to(tags::of_image))),
        endpoint(
            "/v1/images/{id}/thumbnail",
            get(web::route().to(images::thumbnail)),
        ),
        endpoint("/v1/index", vec![(Method::POST, web::route().to(index::start))]),
        endpoint(
            "/v1/jobs/{id}",
            vec![
                (Method::GET, web::route().to(index::look)),
                (Method::DELETE, web::route().to(index::cancel)),
            ],
        ),
        endpoint(
            "/v1/match",
            vec![(Method::POST, web::route().to(matching::texts))],
        ),
        endpoint(
            "/v1/model/switch",
            vec![(Method::POST, web::route().to(model::switch))],
        ),
        endpoint(
            "/v1/model/catch-up",
            vec![(Method::POST, web::route().to(model::catch_up))],
        ),
        endpoint(
            "/v1/model/drop",
            vec![(Method::POST, web::route().to(model::drop_space))],
        ),
        endpoint(
            "/v1/search",
            vec![
                (Method::GET, web::route().to(search::by_address)),
                (Method::POST, web::route().to(search::by_body)),
            ],
        ),
        endpoint("/v1/status", get(web::route().to(server::status))),
    ]
}

/// Puts every endpoint into an application.
pub(crate) fn configure(config: &mut ServiceConfig) {
    for endpoint in endpoints() {
        config.service(endpoint.into_resource());
    }
    config.default_service(web::route().to(server::nothing_here));
}

fn endpoint(pattern: &'static str, methods: Vec<(Method, Route)>) -> Endpoint {
    Endpoint { pattern, methods }
}

impl Endpoint {
    fn into_resource(self) -> Resource {
        let allowed = self.allowed();
        let mut resource = web::resource(self.pattern);
        for (method, route) in self.methods {
            resource = resource.route(route.guard(answers(method)));
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

/// What can be fetched can be asked about: HEAD is GET without the body, which the server leaves out by itself.
fn answers(method: Method) -> impl Guard {
    fn_guard(move |context| {
        let asked = &context.head().method;
        *asked == method || (method == Method::GET && *asked == Method::HEAD)
    })
}

fn not_allowed(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let detail = format!(
        "{} is not for {}; use {allowed}",
        request.method(),
        request.path()
    );
    let mut response = Problem::new(ProblemKind::MethodNotAllowed, detail).error_response();
    if let Ok(value) = allowed.parse() {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
