package authz

import (
	"context"
	"errors"
	"net/textproto"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"gatehouse/store"
)

// A row's lease outlasts all that happens to it: connecting and sending have
// mailTimeout each, and taking leave has quitTimeout.
const (
	mailEvery     = 3 * time.Second // how often the sender looks for what other processes have posted
	mailWarnEvery = 5 * time.Minute // how often it is said that mail waits in vain
	mailTimeout   = 30 * time.Second
	quitTimeout   = 2 * time.Second
	mailLease     = 2 * time.Minute
	mailStopGrace = 5 * time.Second // what is under way when the process stops has this long
)

// runMail sends what is in the outbox until ctx ends. Any number of replicas do.
func (s *Server) runMail(ctx context.Context) {
	round, every, posted := s.sendMail, mailEvery, s.posted
	if s.cfg.Mail.Server == "" {
		s.log.WarnContext(ctx, "mail is not configured (mail.server): what is to be sent waits in the outbox until it is of no use any more")
		round, every, posted = s.warnOfWaiting, mailWarnEvery, nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-posted:
		case <-tick.C:
		}
	}
}

func (s *Server) warnOfWaiting(ctx context.Context) {
	n, err := s.store.MailWaiting(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.WarnContext(ctx, "read the outbox", "err", err)
	case n > 0:
		s.log.WarnContext(ctx, "mail waits, and is not configured", "messages", n)
	}
}

// sendMail is one round: it sends what is due, over one connection as long as
// nothing goes wrong. Rows are claimed one by one, so that a crash holds up no
// more than one, and that one until its lease ends.
func (s *Server) sendMail(ctx context.Context) {
	c := &courier{cfg: s.cfg.Mail}
	defer c.close()
	for ctx.Err() == nil {
		rows, err := s.store.ClaimMail(ctx, 1, mailLease)
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "read the outbox", "err", err)
		}
		if len(rows) == 0 || !s.sendRow(ctx, c, rows[0]) {
			return
		}
	}
}

// sendRow sends one message, and notes that in the outbox even if ctx ends
// meanwhile. It reports whether it is worth trying to send the next one.
func (s *Server) sendRow(ctx context.Context, c *courier, row store.Mail) (next bool) {
	log, noted := s.log.With("mail", row.ID, "attempt", row.Attempts), context.WithoutCancel(ctx)
	note := func(err error) {
		if err != nil {
			log.WarnContext(ctx, "write the outbox: this mail may be sent once more", "err", err)
		}
	}
	m, err := s.openMail(row)
	if err != nil { // another replica may have the secret
		log.ErrorContext(ctx, "open mail", "err", err)
		note(s.store.MailFailed(noted, row, "does not open"))
		return true
	}
	if m.To == "" {
		note(s.store.MailSent(noted, row.ID))
		return true
	}
	letter, err := s.letter(row.ID, m)
	if err == nil {
		err = c.send(ctx, letter)
	}
	if err == nil {
		note(s.store.MailSent(noted, row.ID))
		log.InfoContext(ctx, "mail sent")
		return true
	}
	c.close()
	f := failureOf(err)
	if f.permanent {
		note(s.store.MailSent(noted, row.ID))
		log.WarnContext(ctx, "mail dropped: it can never be delivered", "reason", f.reason, "code", f.code)
		return true
	}
	note(s.store.MailFailed(noted, row, f.String()))
	log.WarnContext(ctx, "mail not sent, it is tried again", "reason", f.reason, "code", f.code)
	return f.ofMessage
}

// failure is what may be logged of a message that could not be sent. The
// server's own words are not: they may quote the address.
type failure struct {
	reason    string
	code      int  // of the server's reply (RFC 5321 §4.2.1); 0: there was none
	ofMessage bool // the server takes others
	permanent bool
}

func (f failure) String() string {
	if f.code == 0 {
		return f.reason
	}
	return f.reason + ": " + strconv.Itoa(f.code)
}

// failureOf tells what went wrong. A refusal is permanent only if it is of this
// recipient or this message: that the server does not take our mail at all is
// for the operator to mend.
func failureOf(err error) failure {
	var sending *mail.SendError
	var said *textproto.Error
	switch {
	case errors.Is(err, errAddress), errors.Is(err, errNeedsUTF8):
		return failure{reason: err.Error(), ofMessage: true, permanent: true}
	case errors.Is(err, errFrom):
		return failure{reason: err.Error()}
	case errors.As(err, &sending):
		f := failure{reason: sending.Reason.String(), code: sending.ErrorCode()}
		switch sending.Reason {
		case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose:
			f.ofMessage = f.code != 0
			f.permanent = f.code >= 500 && f.code != 530 // RFC 4954 §6: authentication required
		}
		return f
	case errors.As(err, &said):
		return failure{reason: "the server refuses us", code: said.Code}
	}
	return failure{reason: "connect: " + err.Error()}
}
