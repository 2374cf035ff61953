// What a distribution's libseccomp.a, made for glibc and with _FORTIFY_SOURCE,
// wants of its C library that musl has not. lib.sh links it.
#include <stdarg.h>
#include <stdio.h>

int __fprintf_chk(FILE *to, int flag, const char *format, ...);

int __fprintf_chk(FILE *to, int flag, const char *format, ...)
{
	va_list args;

	(void)flag;
	va_start(args, format);
	int n = vfprintf(to, format, args);
	va_end(args);
	return n;
}
