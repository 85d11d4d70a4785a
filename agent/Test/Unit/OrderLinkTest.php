<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\AuthorizationInterface;
use Magento\Framework\Escaper;
use Magento\Sales\Block\Adminhtml\Order\View;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Plugin\Adminhtml\LinkOrderToConsole;
use MagentoEventBridge\Agent\Test\Doubles\Log;
use MagentoEventBridge\Agent\Test\Doubles\Settings;
use MagentoEventBridge\Agent\Test\Doubles\Wiring;
use PHPUnit\Framework\TestCase;

/**
 * The button on an order's page that opens the bridge's console.
 */
class OrderLinkTest extends TestCase
{
    private const URL = 'aws_eventbridge/bridge/console_url';

    public function testAnOrderLinksToItsHistory(): void
    {
        $button = $this->button('https://console.example.com/', '000000123');
        self::assertSame(
            "window.open('https://console.example.com/history?of=000000123', '_blank', 'noopener')",
            $button['onclick']
        );
        self::assertSame('Events', (string)$button['label']);
    }

    public function testAConsoleBelowAPathIsLinked(): void
    {
        $button = $this->button('https://example.com/bridge', '1');
        self::assertStringContainsString('https://example.com/bridge/history?of=1', $button['onclick']);
    }

    /**
     * @dataProvider unusable
     */
    public function testThereIsNoButtonWithoutAnAddress(?string $url): void
    {
        self::assertNull($this->button($url, '000000123'));
    }

    public function unusable(): array
    {
        return [[null], [''], [' '], ['console.example.com'], ['javascript:alert(1)']];
    }

    public function testThereIsNoButtonForUsersWhoMayNotSeeIt(): void
    {
        self::assertNull($this->button('https://console.example.com', '1', false));
    }

    public function testThereIsNoButtonForAnOrderWithoutANumber(): void
    {
        self::assertNull($this->button('https://console.example.com', ''));
    }

    public function testANumberCannotLeaveItsPlace(): void
    {
        $button = $this->button('https://console.example.com', "1'); alert('x&of=2 <b>");
        self::assertStringNotContainsString("alert('", $button['onclick']);
        self::assertStringContainsString('of=1%27%29%3B+alert%28%27x%26of%3D2+%3Cb%3E', $button['onclick']);
    }

    public function testAFailureLeavesThePageAsItIs(): void
    {
        $log = new Log();
        $view = new View('1', new \RuntimeException('no order'));
        $this->plugin('https://console.example.com', true, $log)->beforeSetLayout($view);
        self::assertSame([], $view->buttons);
        self::assertCount(1, $log->lines);
    }

    public function testThePluginIsWiredInTheAdminOnlyAndItsResourceExists(): void
    {
        $type = Wiring::xml('adminhtml/di.xml')->xpath('//type[@name="' . View::class . '"]/plugin/@type');
        self::assertSame([LinkOrderToConsole::class], array_map('strval', $type));
        $resource = '//resource[@id="' . LinkOrderToConsole::RESOURCE . '"]';
        self::assertCount(1, Wiring::xml('acl.xml')->xpath($resource));
    }

    private function button(?string $url, string $number, bool $isAllowed = true): ?array
    {
        $view = new View($number);
        $this->plugin($url, $isAllowed, new Log())->beforeSetLayout($view);

        return $view->buttons[LinkOrderToConsole::BUTTON] ?? null;
    }

    private function plugin(?string $url, bool $isAllowed, Log $log): LinkOrderToConsole
    {
        $authorization = new class ($isAllowed) implements AuthorizationInterface {
            private $isAllowed;

            public function __construct(bool $isAllowed)
            {
                $this->isAllowed = $isAllowed;
            }

            public function isAllowed($resource, $privilege = null)
            {
                return $this->isAllowed && $resource === LinkOrderToConsole::RESOURCE;
            }
        };

        $settings = new Settings();
        $settings->values = [self::URL => $url];

        return new LinkOrderToConsole(
            $settings,
            $authorization,
            new Escaper(),
            new Fence($log)
        );
    }
}
