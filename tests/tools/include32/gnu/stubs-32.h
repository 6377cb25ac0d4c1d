/* What glibc lists here of its 32-bit self is nothing to programs without a libc, which want its headers only. */
