package mtl

import (
	"context"
	"sync"
)

// Slot holds a model that another may replace while calls run, as when a service takes up a new version.
type Slot struct {
	mu    sync.RWMutex
	model *Model
}

// NewSlot makes a slot that holds model. It keeps a reference of its own: the caller still closes model.
func NewSlot(model *Model) (*Slot, error) {
	own, err := model.Retain()
	if err != nil {
		return nil, err
	}
	return &Slot{model: own}, nil
}

// Model gives the model that the slot holds now; the caller closes it. It stays as it is when the slot gets another.
func (s *Slot) Model() (*Model, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.model == nil {
		return nil, ErrClosed
	}
	return s.model.Retain()
}

// Set puts model in place of the one before. It keeps a reference of its own: the caller still closes model.
func (s *Slot) Set(model *Model) error {
	own, err := model.Retain()
	if err != nil {
		return err
	}
	s.mu.Lock()
	before := s.model
	if before != nil {
		s.model = own
	}
	s.mu.Unlock()
	if before == nil {
		own.Close()
		return ErrClosed
	}
	return before.Close() // outside the lock: the last reference frees a whole model
}

// Tag is [Model.Tag] on the model that the slot holds when the call begins.
func (s *Slot) Tag(ctx context.Context, texts []string, options ...TagOption) ([]Annotation, error) {
	model, err := s.Model()
	if err != nil {
		return nil, err
	}
	defer model.Close()
	return model.Tag(ctx, texts, options...)
}

// Close gives the slot's model back. It returns nil, and may be called again.
func (s *Slot) Close() error {
	s.mu.Lock()
	before := s.model
	s.model = nil
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before.Close()
}
