package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"gatehouse/store"
)

// changeTime bounds a change with its audit row.
const changeTime = 15 * time.Second

// deed is a change as the audit trail tells it.
type deed struct {
	action string // noun.verb
	target string // an id; do may set it
	detail map[string]any
}

// change does one deed and puts it on record, also when a refusal asks for it.
// Everything that writes goes through here.
//
// Neither half stops because the client hangs up. The row comes second, so
// that it tells what happened and not what was tried. If it cannot be written
// (the database that took the change a moment ago is gone), the change stands;
// the answer is 503 all the same and the row goes to the log: whoever reads
// 2xx may rely on the trail, a secret that is not on record is never handed
// out, and a change that is repeated because of it does no harm and gets its
// row.
func (s *Server) change(ctx context.Context, d deed, do func(context.Context, *deed) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTime)
	defer cancel()
	if d.detail == nil {
		d.detail = map[string]any{}
	}
	outcome := store.Succeeded
	failed := do(ctx, &d)
	if failed != nil {
		r := refusalOf(failed)
		if !r.record {
			return failed
		}
		outcome, d.detail["reason"] = store.Refused, r.say
	}
	actor := eventOf(ctx).actor
	if actor.AccountID != "" {
		d.detail["client_id"] = actor.ClientID
	}
	if err := s.store.Audit(ctx, actor.String(), d.action, d.target, outcome, d.detail); err != nil {
		detail, _ := json.Marshal(d.detail) // it was marshalled before
		return &refusal{
			status: http.StatusServiceUnavailable, retry: 2 * time.Second,
			say:   "This may be done, but it could not be put on record. Look, then repeat it.",
			cause: fmt.Errorf("off the record: %s %s %s by %s: %s: %w", d.action, d.target, outcome, actor, detail, err),
		}
	}
	return failed
}

// auditEntry is one row of the audit trail.
type auditEntry struct {
	ID      string         `json:"id"`
	Time    time.Time      `json:"time"`
	Actor   string         `json:"actor" doc:"Who did it: the id of a client or an account, or cli"`
	Action  string         `json:"action" doc:"What was done" example:"client.create"`
	Target  string         `json:"target" doc:"The id of what it was done to"`
	Outcome string         `json:"outcome" enum:"succeeded,refused"`
	Detail  map[string]any `json:"detail" doc:"More, by action; never a secret"`
}

// listAudit serves GET /admin/audit.
func (s *Server) listAudit(ctx context.Context, in *struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" format:"uuid" minLength:"36" maxLength:"36" doc:"next_cursor of the page before"`
}) (*answer[page[auditEntry]], error) {
	entries, err := s.store.AuditEntries(ctx, in.Cursor, in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(entries) > in.Limit {
		entries = entries[:in.Limit]
		next = entries[in.Limit-1].ID
	}
	return pageOf(entries, next, func(e store.AuditEntry) auditEntry {
		a := auditEntry{ID: e.ID, Time: e.Time.UTC(), Actor: e.Actor, Action: e.Action, Target: e.Target, Outcome: e.Outcome}
		if err := json.Unmarshal([]byte(e.Detail), &a.Detail); err != nil { // an imported or damaged row still shows
			a.Detail = map[string]any{"text": e.Detail}
		}
		return a
	}), nil
}
