<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Declared\FieldPaths;
use MagentoEventBridge\Agent\Declared\SecretNames;
use MagentoEventBridge\Agent\FullDetail\AdditionsInterface;
use MagentoEventBridge\Agent\FullDetail\CartItemAdditions;
use MagentoEventBridge\Agent\FullDetail\FullSnapshot;
use MagentoEventBridge\Agent\FullDetail\ItemOptions;
use MagentoEventBridge\Agent\FullDetail\OrderAdditions;
use MagentoEventBridge\Agent\Snapshot\Fields;
use MagentoEventBridge\Agent\Snapshot\Order;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\StoredModel;
use PHPUnit\Framework\TestCase;

class FullDetailTest extends TestCase
{
    private const DETAIL = 'aws_eventbridge/options/detail';

    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
        $this->watch(new OrderAdditions(new Fields(), new ItemOptions()));
    }

    public function testDocumentedDetailsCaptureNothingMore(): void
    {
        $this->save();
        $documented = $this->shop->database->written()[0];
        $this->shop = (new Shop())->switchOn();
        $this->shop->watch(new Order(new Fields()), 'sales_order', 'order');
        $this->save();

        $plain = $this->shop->database->written()[0];
        self::assertSame(array_keys($plain), array_keys($documented));
        self::assertSame($plain['snapshot'], $documented['snapshot']);
    }

    public function testFullDetailsCaptureMoneyCustomerPaymentAndItems(): void
    {
        $this->shop->settings->values[self::DETAIL] = 'full';
        $this->save();

        $capture = $this->shop->database->written()[0];
        self::assertSame(['code' => 'default', 'website_code' => 'base'], $capture['view']);
        $order = $capture['snapshot'];
        self::assertSame('checkmo', $order['payment_method']);
        self::assertSame('jane@example.com', $order['customer_email']);
        self::assertSame('EUR', $order['base_currency_code']);
        self::assertSame(['Bag', 7, [['label' => 'Color', 'value' => 'Blue']]], [
            $order['items'][0]['name'],
            $order['items'][0]['product_id'],
            $order['items'][0]['options'],
        ]);
    }

    public function testAnItemHasTheIdThatItGetsAfterTheOrderIsSaved(): void
    {
        $this->shop->settings->values[self::DETAIL] = 'full';
        $order = $this->order();
        $this->shop->database->begin();
        $this->shop->save($order, 'sales_order', 'order', 'sales_order');
        $order->getAllItems()[0]->setData('item_id', 31);
        $this->shop->database->commit();

        $item = $this->shop->database->written()[0]['snapshot']['items'][0];
        self::assertSame([31, 31], [$item['item_id'], $item['order_item_id']]);
    }

    public function testFormerValuesIncludeThoseOfFullDetails(): void
    {
        $this->shop->settings->values[self::DETAIL] = 'full';
        $order = $this->save();
        $order->setData('total_paid', 10);
        $this->shop->save($order, 'sales_order', 'order', 'sales_order');

        $written = $this->shop->database->written();
        self::assertSame(['total_paid' => 0], end($written)['original']);
    }

    public function testIfTheAdditionsFailTheDocumentedFieldsAreCaptured(): void
    {
        $this->shop->settings->values[self::DETAIL] = 'full';
        $this->watch(new class implements AdditionsInterface {
            public function of(DataObject $object, array $stored): array
            {
                throw new \TypeError('no payment');
            }
        });
        $this->save();

        self::assertSame('000000001', $this->shop->database->written()[0]['snapshot']['increment_id']);
        self::assertStringContainsString('reading full details: TypeError: no payment', implode($this->shop->log->lines));
    }

    public function testFieldsThatTheShopAddsAreCapturedBesideTheSnapshot(): void
    {
        $this->shop->declarations->paths = ['Order' => ['customer_email', 'payment.method', 'no.such']];
        $this->save();

        $capture = $this->shop->database->written()[0];
        self::assertSame(
            ['customer_email' => 'jane@example.com', 'payment.method' => 'checkmo'],
            $capture['paths']
        );
        self::assertArrayNotHasKey('@paths', $capture['snapshot']);
    }

    /**
     * @dataProvider options
     */
    public function testOptionsAreLabelsWithValues(array $stored, array $expected): void
    {
        self::assertSame($expected, (new ItemOptions())->of(new DataObject(['product_options' => $stored])));
    }

    /**
     * @dataProvider options
     */
    public function testTheOptionsOfACartsItemAreThoseOfTheOrderThatItBecomes(array $stored, array $expected): void
    {
        $type = new class ($stored) {
            private $stored;

            public function __construct(array $stored)
            {
                $this->stored = $stored;
            }

            public function getOrderOptions($product): array
            {
                return $product->getData('entity_id') === 7 ? $this->stored : [];
            }
        };
        $product = new DataObject(['entity_id' => 7, 'type_instance' => $type]);
        $item = new DataObject(['sku' => 'A', 'product' => $product]);

        self::assertSame($expected, $this->additionsOfCart($item)['options']);
    }

    public function testTheProductOfACartsItemIsNotLoadedForItsOptions(): void
    {
        self::assertNull($this->additionsOfCart(new DataObject(['sku' => 'A']))['options']);
    }

    private function additionsOfCart(DataObject $item): array
    {
        return (new CartItemAdditions(new Fields(), new ItemOptions()))->of($item, []);
    }

    public function options(): array
    {
        return [
            'none' => [[], []],
            'a configurable' => [
                ['attributes_info' => [['label' => 'Size', 'value' => 'XL', 'option_id' => 1]]],
                [['label' => 'Size', 'value' => 'XL']],
            ],
            'a custom option' => [
                ['options' => [['label' => 'Engraving', 'value' => '<b>J</b>', 'print_value' => 'J']]],
                [['label' => 'Engraving', 'value' => 'J']],
            ],
            'a bundle' => [
                ['bundle_options' => [['label' => 'Ball', 'value' => [['title' => 'Sprite', 'qty' => 2]]]]],
                [['label' => 'Ball', 'value' => '2 x Sprite']],
            ],
            'another shape' => [['options' => 'x', 'attributes_info' => ['y', ['label' => ['z']]]], [
                ['label' => 'z', 'value' => ''],
            ]],
        ];
    }

    private function watch(AdditionsInterface $additions): void
    {
        $shop = $this->shop;
        $snapshots = new FullSnapshot(
            new Order(new Fields()),
            $additions,
            $shop->level,
            $shop->execution,
            $shop->fence,
            $shop->declarations,
            new FieldPaths(new SecretNames(), $shop->log),
            'Order'
        );
        $shop->watch($snapshots, 'sales_order', 'order');
    }

    private function save(): StoredModel
    {
        $order = $this->order();
        $this->shop->save($order, 'sales_order', 'order', 'sales_order');

        return $order;
    }

    private function order(): StoredModel
    {
        return new StoredModel($this->shop->database, 'sales_order', [
            'increment_id' => '000000001',
            'store_id' => 1,
            'status' => 'pending',
            'grand_total' => 10,
            'total_paid' => 0,
            'base_currency_code' => 'EUR',
            'customer_email' => 'jane@example.com',
            'payment' => new DataObject(['method' => 'checkmo']),
            'all_items' => [
                new DataObject([
                    'name' => 'Bag',
                    'product_id' => 7,
                    'product_options' => ['attributes_info' => [['label' => 'Color', 'value' => 'Blue']]],
                ]),
            ],
        ]);
    }
}
