module boundary

go 1.24

require github.com/libmtl/libmtl/bindings/go v0.0.0

replace github.com/libmtl/libmtl/bindings/go => ../../../bindings/go
