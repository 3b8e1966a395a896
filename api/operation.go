package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// bearer is the name of the security scheme in the OpenAPI document.
const bearer = "bearer"

// humaConfig is huma without what would serve pages, link to schemas, or
// marshal anything but JSON.
func (s *Server) humaConfig() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Gatehouse accounts", Version: "1"},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {
					Type: "http", Scheme: "bearer",
					Description: "An access token of the authorization server, issued for this API (RFC 6750)",
				}},
			},
		},
		Formats:                      huma.DefaultFormats, // JSON
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{transformProblem},
	}
}

// handle adds one row of the route table. A handler returns plain errors; they
// become problems here. It may answer with the statuses of also besides: a 2xx
// in the same shape, problems beyond those that are usual for the method.
func handle[I, O any](s *Server, method, path string, status int, a access, id, summary string,
	h func(context.Context, *I) (*O, error), also ...int) {
	op := huma.Operation{
		OperationID:   id,
		Method:        method,
		Path:          path,
		Summary:       summary,
		DefaultStatus: status,
		// The body is read to its end before huma sees it; the deadline that huma
		// would set for it would end the whole request instead.
		BodyReadTimeout: -1,
		Responses:       s.problemResponses(method, a),
	}
	if !a.anyone() {
		op.Security = []map[string][]string{{bearer: a.scopes}}
		if a.optional {
			op.Security = append(op.Security, map[string][]string{})
		}
		op.Middlewares = append(op.Middlewares, s.guard(a))
	}
	if method == http.MethodPost || method == http.MethodPatch {
		op.Middlewares = append(op.Middlewares, s.checkBody)
	}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			p := asProblem(err)
			p.record(ctx)
			return nil, p
		}
		return out, nil
	})
	for _, other := range also {
		like := http.StatusBadRequest // a problem
		if other < 300 {
			like = status
		}
		op.Responses[strconv.Itoa(other)] = &huma.Response{
			Description: http.StatusText(other),
			Content:     op.Responses[strconv.Itoa(like)].Content,
		}
	}
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma documents its own beside ours
		delete(s.huma.OpenAPI().Components.Schemas.Map(), unused)
	}
}

// problemResponses documents which problems an operation answers with.
func (s *Server) problemResponses(method string, a access) map[string]*huma.Response {
	statuses := []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	if !a.anyone() {
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden)
	}
	switch method {
	case http.MethodPost:
		statuses = append(statuses, http.StatusConflict, http.StatusTooManyRequests)
		fallthrough
	case http.MethodPatch:
		statuses = append(statuses, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	responses := map[string]*huma.Response{}
	for _, status := range statuses {
		responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
		}
	}
	return responses
}

// openAPI serves GET /openapi.json.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Write(s.spec)
}
