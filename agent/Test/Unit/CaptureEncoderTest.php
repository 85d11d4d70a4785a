<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

class CaptureEncoderTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = new Shop();
    }

    /**
     * The database, too, stores 0 when Magento saves such a number.
     *
     * @dataProvider values
     */
    public function testAValueThatJsonCannotHoldCostsOnlyItself($value, $encoded): void
    {
        $snapshot = $this->snapshot(['before' => 1.5, 'value' => $value, 'after' => 'x']);

        self::assertSame(['before' => 1.5, 'value' => $encoded, 'after' => 'x'], $snapshot);
        self::assertCount(1, $this->shop->log->lines);
        self::assertStringContainsString('a value of saved', $this->shop->log->lines[0]);
    }

    public function values(): array
    {
        $recursive = (object)['x' => 1];
        $recursive->self = $recursive;

        return [
            'no number' => [NAN, 0],
            'infinite' => [INF, 0],
            'a resource' => [fopen('php://memory', 'rb'), null],
            'recursive' => [$recursive, ['x' => 1, 'self' => null]],
            'object with such a number' => [(object)['x' => -INF], ['x' => 0]],
        ];
    }

    public function testInvalidTextIsReplacedWithoutALogLine(): void
    {
        self::assertSame(["k\u{FFFD}" => "caf\u{FFFD}"], $this->snapshot(["k\xff" => "caf\xe9"]));
        self::assertSame([], $this->shop->log->lines);
    }

    private function snapshot(array $fields): array
    {
        $capture = new Capture('id', 'saved', 1.5, null, 1, 'order/1', null);
        $capture->show($fields);
        foreach ($this->shop->encoder->batches(['key' => $capture]) as $batch) {
            return json_decode($batch['key'], true)['snapshot'];
        }
        self::fail('nothing was encoded');
    }
}
