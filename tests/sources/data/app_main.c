/* An application reduced to what it knows about itself: 版本和四元组. Prints it, one value a line. */
#include <stdio.h>

#define MY_APP_VER \
    "app-0.0.1" \
    "-old" // not shown
#define PRODUCT_SECRET ""

int main(void)
{
    char *product_key       = "";
    const char *device_name="${YourDeviceName}", *const device_secret =
        (char *)
        "<your device secret>";

    printf("%s\n%s\n%s\n%s\n%s\n%d\n", MY_APP_VER, product_key, PRODUCT_SECRET, device_name, device_secret, __LINE__);
    printf("%s\n", __FILE__);
    return 0;
}
