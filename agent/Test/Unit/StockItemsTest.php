<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\App\ResourceConnection;
use Magento\Framework\Event\ManagerInterface;
use MagentoEventBridge\Agent\Declared\Declarations;
use MagentoEventBridge\Agent\Plugin\DispatchStockItems;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

class StockItemsTest extends TestCase
{
    private const ROW = ['item_id' => '9', 'product_id' => '6', 'website_id' => '0', 'qty' => '3', 'is_in_stock' => '1'];

    /**
     * @var string[]
     */
    private $read = [];

    /**
     * @var array[]
     */
    private $dispatched = [];

    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = new Shop();
    }

    public function testEachDeductedItemHasAnEventWithItsNewQuantity(): void
    {
        self::assertSame('result', $this->plugin(true)->afterCorrectItemsQty(null, 'result', [6 => 2]));

        self::assertSame([['eventbridge_stock_item_save_after', ['id' => '9'] + self::ROW]], $this->dispatched);
    }

    public function testNothingIsReadWhereNoEventIsDeclared(): void
    {
        $this->plugin(false)->afterCorrectItemsQty(null, null, [6 => 2]);
        $this->plugin(true)->afterCorrectItemsQty(null, null, []);

        self::assertSame([], $this->read);
        self::assertSame([], $this->dispatched);
    }

    public function testTheSaleGoesOnWithoutTheTable(): void
    {
        self::assertSame('result', $this->plugin(true, true)->afterCorrectItemsQty(null, 'result', [6 => 2]));

        self::assertStringContainsString('no such table', implode($this->shop->log->lines));
    }

    private function plugin(bool $isDeclared, bool $isBroken = false): DispatchStockItems
    {
        $declarations = $this->createMock(Declarations::class);
        $declarations->method('ofMagentoEvent')->willReturn($isDeclared ? ['StockChanged' => []] : []);
        $read = function (array $ids) use ($isBroken): array {
            $this->read = $ids;
            if ($isBroken) {
                throw new \RuntimeException('no such table');
            }

            return [self::ROW];
        };
        $events = new class ($this->dispatched) implements ManagerInterface {
            private $dispatched;

            public function __construct(array &$dispatched)
            {
                $this->dispatched = &$dispatched;
            }

            public function dispatch($eventName, array $data = [])
            {
                $this->dispatched[] = [$eventName, $data['item']->getData()];
            }
        };

        return new DispatchStockItems($this->shop->fence, $declarations, $this->resource($read), $events);
    }

    private function resource(callable $read): ResourceConnection
    {
        return new class ($read) extends ResourceConnection {
            private $read;

            private $ids;

            public function __construct(callable $read)
            {
                $this->read = $read;
            }

            public function getConnection($name = 'default')
            {
                return $this;
            }

            public function getTableName($name, $connection = 'default')
            {
                return 'shop_' . $name;
            }

            public function select()
            {
                return $this;
            }

            public function from($table, $columns)
            {
                TestCase::assertSame('shop_cataloginventory_stock_item', $table);

                return $this;
            }

            public function where($condition, $ids)
            {
                $this->ids = $ids;

                return $this;
            }

            public function fetchAll()
            {
                return ($this->read)($this->ids);
            }
        };
    }
}
