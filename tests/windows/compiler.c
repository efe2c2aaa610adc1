/* One of Debian's compilers, as a program for Windows: it hands name, folder, arguments and input to compiler_server.py
 * and passes on what that answers. `server.txt` beside the program holds the server's port and its password.
 *
 * Sent: "PASSWORD\0NAME\0FOLDER\0COUNT\0ARGUMENT\0…" in UTF-8, then the input where the last argument is "-".
 * Answered: one byte, the exit status, then the output. */
#include <winsock2.h>
#include <windows.h>
#include <direct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static void fail(const char *what)
{
    fprintf(stderr, "stand-in for a compiler: %s\n", what);
    exit(125);
}

static void send_bytes(SOCKET server, const char *bytes, int count)
{
    while (count > 0) {
        int sent = send(server, bytes, count, 0);
        if (sent <= 0)
            fail("the server has gone");
        bytes += sent;
        count -= sent;
    }
}

static void send_text(SOCKET server, const wchar_t *text)
{
    static char bytes[4 * 32768];
    int count = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof bytes, NULL, NULL);
    if (count == 0)
        fail("a text is too long");
    send_bytes(server, bytes, count);
}

int wmain(int argc, wchar_t **argv)
{
    static wchar_t program[32768], folder[32768], count[16];
    static char bytes[65536];
    char password[64];
    unsigned port;
    wchar_t *name;
    FILE *file;
    WSADATA data;
    SOCKET server;
    struct sockaddr_in address = {.sin_family = AF_INET};
    unsigned char status;
    int got;
    DWORD length;
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE), output = GetStdHandle(STD_OUTPUT_HANDLE);

    GetModuleFileNameW(NULL, program, 32768);
    name = wcsrchr(program, L'\\');
    *name++ = 0;
    *wcsrchr(name, L'.') = 0;
    _snwprintf(folder, 32768, L"%ls\\server.txt", program);
    file = _wfopen(folder, L"r");
    if (file == NULL || fscanf(file, "%u %63s", &port, password) != 2)
        fail("no server.txt beside it");
    fclose(file);

    WSAStartup(MAKEWORD(2, 2), &data);
    server = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((unsigned short)port);
    if (connect(server, (struct sockaddr *)&address, sizeof address) != 0)
        fail("nobody listens");

    send_bytes(server, password, (int)strlen(password) + 1);
    send_text(server, name);
    send_text(server, _wgetcwd(folder, 32768));
    _snwprintf(count, 16, L"%d", argc - 1);
    send_text(server, count);
    for (int i = 1; i < argc; i++)
        send_text(server, argv[i]);
    if (argc > 1 && wcscmp(argv[argc - 1], L"-") == 0)
        while (ReadFile(input, bytes, sizeof bytes, &length, NULL) && length > 0)
            send_bytes(server, bytes, (int)length);
    shutdown(server, SD_SEND);

    if (recv(server, (char *)&status, 1, 0) != 1)
        fail("no answer");
    while ((got = recv(server, bytes, sizeof bytes, 0)) > 0)
        WriteFile(output, bytes, (DWORD)got, &length, NULL);
    return status;
}
