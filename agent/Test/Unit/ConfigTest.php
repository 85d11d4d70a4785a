<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\Exception\LocalizedException;
use MagentoEventBridge\Agent\Model\Config\Backend\BridgeUrl;
use MagentoEventBridge\Agent\Model\Config\Backend\EndpointId;
use MagentoEventBridge\Agent\Model\Config\Backend\EventBus;
use MagentoEventBridge\Agent\Model\Config\Backend\HashedFields;
use MagentoEventBridge\Agent\Model\Config\Backend\PrivateFields;
use MagentoEventBridge\Agent\Model\Config\Backend\RoleArn;
use MagentoEventBridge\Agent\Model\Config\Backend\Secret;
use MagentoEventBridge\Agent\Test\Doubles\Wiring;
use PHPUnit\Framework\TestCase;

/**
 * What the settings accept, and in which languages they are shown.
 */
class ConfigTest extends TestCase
{
    private const BUS_ID = 'abcdefghijklmnopqrstuvwxy';

    /**
     * @dataProvider values
     */
    public function testAValueIsCheckedWhenItIsSaved(string $class, string $value, bool $isAccepted): void
    {
        $setting = new $class(['value' => $value]);
        try {
            $setting->beforeSave();
        } catch (LocalizedException $exception) {
            self::assertFalse($isAccepted, $value);
            self::assertFalse($setting->isSaved);
            return;
        }

        self::assertTrue($isAccepted, $value);
        self::assertTrue($setting->isSaved);
    }

    public function values(): array
    {
        $bus = 'arn:aws:events:eu-west-1:123456789012:event-';

        return [
            [RoleArn::class, '', true],
            [RoleArn::class, 'arn:aws:iam::123456789012:role/shop', true],
            [RoleArn::class, ' arn:aws-us-gov:iam::123456789012:role/path/shop ', true],
            [RoleArn::class, 'shop', false],
            [RoleArn::class, 'arn:aws:iam::1234:role/shop', false],
            [RoleArn::class, 'arn:aws:iam::123456789012:user/shop', false],
            [EventBus::class, '', true],
            [EventBus::class, 'default', true],
            [EventBus::class, 'aws.partner/example.com/1', true],
            [EventBus::class, $bus . 'bus/shop', true],
            [EventBus::class, $bus . 'busv2/shop/' . self::BUS_ID, true],
            [EventBus::class, $bus . 'busv2/shop', false],
            [EventBus::class, $bus . 'bus/', false],
            [EventBus::class, 'my bus', false],
            [EventBus::class, str_repeat('a', 257), false],
            [EndpointId::class, '', true],
            [EndpointId::class, 'abcde.veo', true],
            [EndpointId::class, 'a-b1.v', true],
            [EndpointId::class, 'abcde', false],
            [EndpointId::class, 'a.b.c', false],
            [EndpointId::class, '-abcde.veo', false],
            [EndpointId::class, "abcde.veo\n.x", false],
            [EndpointId::class, 'https://abcde.veo.endpoint.events.amazonaws.com', false],
            [EndpointId::class, 'arn:aws:events:us-east-1:123456789012:endpoint/shop', false],
            [EndpointId::class, str_repeat('a', 47) . '.veo', false],
            [BridgeUrl::class, '', true],
            [BridgeUrl::class, 'https://bridge.example.com', true],
            [BridgeUrl::class, 'http://10.0.0.7:8080/path', true],
            [BridgeUrl::class, 'bridge.example.com', false],
            [BridgeUrl::class, 'ftp://bridge.example.com', false],
            [BridgeUrl::class, 'https://bridge.example.com/?a=b', false],
            [PrivateFields::class, '', true],
            [PrivateFields::class, "customer.email, tracking.ip\nbillingAddress.street", true],
            [PrivateFields::class, 'customer..email', false],
            [PrivateFields::class, 'items[].sku', false],
            [PrivateFields::class, 'coupon metadata.id', false],
            [HashedFields::class, '', true],
            [Secret::class, '', true],
            [Secret::class, '******', true],
            [Secret::class, str_repeat('s', 16), true],
            [Secret::class, str_repeat('s', 15), false],
        ];
    }

    public function testPathsAreSavedWithSpacesBetween(): void
    {
        $setting = new PrivateFields(['value' => " customer.email,tracking.ip;\r\ncoupon\n"]);
        $setting->beforeSave();

        self::assertSame('customer.email tracking.ip coupon', $setting->getValue());
    }

    public function testFieldsAreHashedOnlyWithASecret(): void
    {
        $this->hash(['fieldset_data' => ['secret' => '******']], '');
        $this->hash([], 'saved-and-encrypted');
        $this->expectException(LocalizedException::class);
        $this->hash(['fieldset_data' => ['secret' => '']], '');
    }

    private function hash(array $data, string $saved): void
    {
        $setting = new class ($data + ['value' => 'customer.email'], $saved) extends HashedFields {
            protected $_config;

            public function __construct(array $data, string $saved)
            {
                parent::__construct($data);
                $this->_config = new class ($saved) {
                    private $saved;

                    public function __construct(string $saved)
                    {
                        $this->saved = $saved;
                    }

                    public function getValue(string $path): string
                    {
                        return $path === 'aws_eventbridge/privacy/secret' ? $this->saved : '';
                    }
                };
            }
        };
        $setting->beforeSave();
        self::assertTrue($setting->isSaved);
    }

    public function testEachTextIsTranslatedIntoEachLanguage(): void
    {
        $texts = $this->texts();
        self::assertGreaterThan(100, count($texts));
        foreach (['en_US', 'de_DE', 'fr_FR', 'it_IT', 'es_ES'] as $language) {
            $translations = [];
            $file = fopen(dirname(__DIR__, 2) . '/i18n/' . $language . '.csv', 'r');
            while (($row = fgetcsv($file, 0, ',', '"', '\\')) !== false) {
                self::assertCount(2, $row);
                $translations[$row[0]] = $row[1];
                self::assertSame(substr_count($row[0], '%1'), substr_count($row[1], '%1'), $row[1]);
            }
            fclose($file);

            self::assertSame([], array_values(array_diff($texts, array_keys($translations))), $language);
            self::assertSame([], array_values(array_diff(array_keys($translations), $texts)), $language);
        }
    }

    /**
     * Returns the texts of the settings, of the templates and of the messages.
     *
     * @return string[]
     */
    private function texts(): array
    {
        $texts = [];
        foreach (Wiring::xml('adminhtml/system.xml')->xpath('//label | //comment') as $text) {
            $texts[] = (string)$text;
        }
        foreach (Wiring::xml('acl.xml')->xpath('//resource/@title') as $title) {
            $texts[] = (string)$title;
        }
        $files = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator(dirname(__DIR__, 2)));
        foreach ($files as $file) {
            if (preg_match('~/(Block|Model|Plugin|view)/.*\.(php|phtml)$~', (string)$file)) {
                preg_match_all("/__\\('([^']*)'/", file_get_contents((string)$file), $found);
                $texts = array_merge($texts, $found[1]);
            }
        }

        return array_values(array_unique($texts));
    }
}
